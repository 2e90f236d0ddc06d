//! Typed identifiers. An id of one kind cannot stand where another kind is asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::{Clock, Error, Rng};

/// Makes a UUID version 7 (RFC 9562, 5.7) from the injected clock and randomness: sortable by time.
fn uuid_v7(clock: &dyn Clock, rng: &dyn Rng) -> Uuid {
    let mut random = [0_u8; 10];
    rng.fill(&mut random);
    let ms = u64::try_from(clock.now().micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
}

/// Writes the text of a UUID (RFC 9562, 4) to `to`. Each call writes several.
fn hyphenated<'a>(bytes: &[u8; 16], to: &'a mut [u8; Hyphenated::LENGTH]) -> &'a str {
    // Computed, not looked up, so that the compiler makes it wide.
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' - 10 + n };
    let mut digits = [0; 32];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    *to = [b'-'; Hyphenated::LENGTH];
    for (start, end, place) in [(0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24)] {
        let room = to.get_mut(place..place + end - start);
        if let (Some(group), Some(room)) = (digits.get(start..end), room) {
            room.copy_from_slice(group);
        }
    }
    std::str::from_utf8(to).unwrap_or_default()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id of this moment.
            pub fn new(clock: &dyn Clock, rng: &dyn Rng) -> Self {
                Self(uuid_v7(clock, rng))
            }

            /// The id with this UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID behind it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl $name {
            /// How many characters its text has.
            pub const LENGTH: usize = Hyphenated::LENGTH;

            /// Its text, written to `to` without an allocation.
            pub fn write(self, to: &mut [u8; Self::LENGTH]) -> &str {
                hyphenated(self.0.as_bytes(), to)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.write(&mut [0; Self::LENGTH]))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text).map(Self).map_err(|_| Error::not_found())
            }
        }
    )+};
}

ids! {
    /// A person's account.
    UserId,
    /// A software that acts: a registered app.
    ClientId,
    /// An API key; it stays the same when the key is rotated.
    KeyId,
    /// A signed-in browser.
    SessionId,
    /// An access token of ours.
    TokenId,
    /// What a person allowed an app: a family of refresh tokens with their access tokens.
    GrantId,
    /// One call through the gate, all its attempts included.
    CallId,
    /// One HTTP request; the answer's `x-request-id`.
    RequestId,
    /// A record of the audit chain.
    AuditId,
    /// A one-time link.
    LinkId,
    /// A person's account at a sign-in provider, linked to theirs here.
    IdentityId,
    /// An announcement that a credential or a policy changed.
    EventId,
    /// Somebody else's tool, installed here.
    InstallId,
    /// A person's link to an installed tool.
    ConnectionId,
}

/// The key of an entry: a call, and which attempt at an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// The call.
    pub call: CallId,
    /// Which attempt at an upstream, from 1.
    pub attempt: u16,
}

/// The name that an owner gives to a plan, model, upstream, provider, tool or group: 1 to 64 of
/// lower-case letters, digits, `-`, `_`, `.`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

impl Slug {
    /// The longest name.
    pub const MAX_LEN: usize = 64;

    /// Checks `text` against the rule above.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if starts_well && text.len() <= Self::MAX_LEN && text.chars().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(Error::invalid(format!(
            "{text:?} is not a name: use 1 to 64 of a-z, 0-9, '-', '_', '.', starting with a \
             letter or digit"
        ))
        .with_param("id"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Slug {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.detail()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, SeededRng, Timestamp};

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let clock = ManualClock::at(Timestamp::from_secs(1_000));
        let rng = SeededRng::new(1);
        let first = UserId::new(&clock, &rng);
        clock.advance(std::time::Duration::from_millis(2));
        let second = UserId::new(&clock, &rng);
        assert!(first < second);
        assert_eq!(first.uuid().get_version_num(), 7);
    }

    #[test]
    fn ids_are_written_as_uuids_are() {
        for number in [0, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX] {
            let uuid = Uuid::from_u128(number);
            assert_eq!(UserId::from_uuid(uuid).to_string(), uuid.hyphenated().to_string());
        }
    }

    #[test]
    fn slugs_follow_the_rule() {
        for good in ["standard", "gpt-4o-mini", "a", "0", "a.b_c"] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }
}
