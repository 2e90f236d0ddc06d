//! What is left of a call when it is over: one row, written exactly once.

use std::sync::Arc;

use crate::{
    Charged, ClientId, ConnectionId, EntryKey, Error, KeyId, Nano, RequestId, Slug, Timestamp,
    Usage, UserId,
};

/// What a call is made to: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Called {
    /// A model, by the name that the caller asked for. Empty where nothing was called, as in what a
    /// crash may have hidden.
    Model(Arc<str>),
    /// A tool of ours.
    Tool(Slug),
    /// Somebody else's tool, with the credential of a person.
    Connection(ConnectionId),
}

impl Called {
    /// The model; empty where it is none.
    pub fn model(&self) -> &str {
        match self {
            Self::Model(model) => model,
            Self::Tool(_) | Self::Connection(_) => "",
        }
    }

    /// The tool, if it is one.
    pub fn tool(&self) -> Option<&Slug> {
        match self {
            Self::Tool(tool) => Some(tool),
            Self::Model(_) | Self::Connection(_) => None,
        }
    }

    /// The connection, if it is one.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Connection(id) => Some(*id),
            Self::Model(_) | Self::Tool(_) => None,
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// Still in flight. Such an entry is shown, never stored.
    Open,
    /// Charged what the upstream reported.
    Settled,
    /// The upstream's report could not be had; charged a bound.
    Estimated,
    /// The server stopped in mid-call; charged the whole hold.
    Interrupted,
    /// Not a call: what a crash may have hidden.
    CrashReserve,
    /// The upstream refused or failed without using anything; nothing charged.
    Failed,
}

impl EntryState {
    /// Every state, in the order of a call's life.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Settled,
        Self::Estimated,
        Self::Interrupted,
        Self::CrashReserve,
        Self::Failed,
    ];

    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Estimated => "estimated",
            Self::Interrupted => "interrupted",
            Self::CrashReserve => "crash_reserve",
            Self::Failed => "failed",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|state| state.as_str() == text);
        named.ok_or_else(|| Error::invalid(format!("{text:?} is not a state of an entry")))
    }
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How it ended.
    pub state: EntryState,
    /// Tokens, as reported or bounded.
    pub usage: Usage,
    /// What it costs; `None` where the model has no price.
    pub cost_nano: Option<Nano>,
    /// What the accounts are charged: the cost, at most the hold.
    pub charged: Charged,
    /// Whether the upstream reported more than the hold.
    pub excess: bool,
}

/// The row of one upstream attempt of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: EntryKey,
    /// When the call was reserved; its windows are those of this moment.
    pub at: Timestamp,
    /// The answer's `x-request-id`.
    pub request: RequestId,
    /// The person it was for.
    pub user: Option<UserId>,
    /// The app that acted.
    pub client: Option<ClientId>,
    /// The key that was presented.
    pub api_key: Option<KeyId>,
    /// The group whose plan was in effect.
    pub group: Option<Slug>,
    /// What the caller asked for.
    pub called: Called,
    /// The upstream that was called.
    pub upstream: Option<Slug>,
    /// What was held.
    pub hold: Charged,
    /// What it came to.
    pub tally: Tally,
}
