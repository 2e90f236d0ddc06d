//! What a route asks of its caller, and what management is about.

/// What a route row asks of its caller. The router enforces it before a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, limited by network.
    Public,
    /// A signed-in person with a browser; others are sent to the sign-in page.
    Page(Manage),
    /// Whoever may do this, with any credential of the management API.
    Api(Manage),
    /// Whoever may call models: a key, an access token for this audience, or a session.
    Models,
    /// Whoever may call the tools that a person connected: that person with a key or a session, or
    /// an app with a token of theirs for this audience.
    Connections,
}

/// An act of management: doing `action` to `noun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Manage {
    /// What it is done to.
    pub noun: Noun,
    /// What is done.
    pub action: Action,
}

impl Manage {
    /// Looking at `noun`.
    pub const fn read(noun: Noun) -> Self {
        Self { noun, action: Action::Read }
    }

    /// Making, changing or ending `noun`.
    pub const fn write(noun: Noun) -> Self {
        Self { noun, action: Action::Write }
    }

    /// Whether it changes what lets somebody in: who can sign in, and with what.
    pub const fn is_of_credentials(self) -> bool {
        use Noun::{Clients, Identities, Keys, Providers, Tokens, Users};
        matches!(self.action, Action::Write)
            && matches!(self.noun, Keys | Tokens | Users | Identities | Clients | Providers)
    }
}

/// Looking or changing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Looking.
    Read,
    /// Making, changing, ending.
    Write,
}

/// What can be managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// Coming in: sign-up, sign-in, set-up, one-time links. Open to everybody.
    SignIn,
    /// The caller's own account.
    Me,
    /// API keys.
    Keys,
    /// Signed-in browsers.
    Sessions,
    /// Accounts at sign-in providers that are linked to accounts here.
    Identities,
    /// Short-lived access tokens.
    Tokens,
    /// What was used, as sums and as entries.
    Usage,
    /// What crashes may have hidden, charged to budgets.
    Reserves,
    /// What is left.
    Limits,
    /// Accounts of people.
    Users,
    /// Plans.
    Plans,
    /// Groups and their pools.
    Groups,
    /// Registered apps.
    Clients,
    /// What apps were allowed: consents, grants, the tokens of apps.
    Grants,
    /// Addresses that tokens are made for.
    Resources,
    /// Keys that sign tokens.
    SigningKeys,
    /// Model providers.
    Upstreams,
    /// Model aliases and prices.
    Models,
    /// Sign-in providers.
    Providers,
    /// APIs that are offered to AI clients, their service tokens and callbacks.
    Tools,
    /// Other people's tools.
    Installs,
    /// People's connections to those.
    Connections,
    /// The audit chain.
    Audit,
    /// Settings of the installation.
    Settings,
}

impl Noun {
    /// Whether everybody has some of these of their own, and manages those.
    pub const fn has_owner(self) -> bool {
        matches!(
            self,
            Self::Me
                | Self::Keys
                | Self::Sessions
                | Self::Identities
                | Self::Tokens
                | Self::Grants
                | Self::Usage
                | Self::Limits
                | Self::Connections
        )
    }
}
