//! The life of somebody else's tool here, and of a person's connection to it.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Kind, Timestamp};

/// How far the installation of a tool has come. A step consumes what was before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallState {
    /// The manifest was read, and the owner has to say more.
    Fetched(Timestamp),
    /// The owner gave what the tool gave them.
    SecretEntered(Timestamp),
    /// A verification token waits to be published.
    TokenIssued(Timestamp),
    /// The token was found at the domain.
    Verified(Timestamp),
    /// People may connect, and calls go through.
    Active(Timestamp),
    /// No secret goes out until it is verified anew.
    Suspended(Timestamp, Suspension),
}

/// Why a tool is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// Its manifest says something else of authentication, addresses or our token.
    Changed,
    /// The owner wished it.
    Owner,
}

impl InstallState {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetched(_) => "fetched",
            Self::SecretEntered(_) => "secret_entered",
            Self::TokenIssued(_) => "token_issued",
            Self::Verified(_) => "verified",
            Self::Active(_) => "active",
            Self::Suspended(..) => "suspended",
        }
    }

    /// Since when.
    pub const fn since(self) -> Timestamp {
        match self {
            Self::Fetched(at)
            | Self::SecretEntered(at)
            | Self::TokenIssued(at)
            | Self::Verified(at)
            | Self::Active(at)
            | Self::Suspended(at, _) => at,
        }
    }

    /// Why it is suspended, if it is.
    pub const fn suspension(self) -> Option<Suspension> {
        match self {
            Self::Suspended(_, why) => Some(why),
            _ => None,
        }
    }

    /// The state that was stored.
    pub fn read(name: &str, at: Timestamp, why: Option<&str>) -> Result<Self, Error> {
        match name {
            "fetched" => Ok(Self::Fetched(at)),
            "secret_entered" => Ok(Self::SecretEntered(at)),
            "token_issued" => Ok(Self::TokenIssued(at)),
            "verified" => Ok(Self::Verified(at)),
            "active" => Ok(Self::Active(at)),
            "suspended" => Ok(Self::Suspended(at, why.unwrap_or_default().parse()?)),
            _ => Err(Error::invalid(format!("{name:?} is no state of an install"))),
        }
    }

    /// The owner gave the secret, for the first time or anew: what was verified before was verified
    /// with another.
    #[must_use]
    pub const fn secret_entered(self, at: Timestamp) -> Self {
        Self::SecretEntered(at)
    }

    /// A verification token is shown.
    pub fn token_issued(self, at: Timestamp) -> Result<Self, Error> {
        match self {
            Self::SecretEntered(_) | Self::Suspended(..) => Ok(Self::TokenIssued(at)),
            _ => Err(self.not_yet("The secret has to be entered first.")),
        }
    }

    /// The token was found at the domain.
    pub fn verified(self, at: Timestamp) -> Result<Self, Error> {
        match self {
            Self::TokenIssued(_) | Self::Suspended(..) => Ok(Self::Verified(at)),
            _ => Err(self.not_yet("There is nothing to verify yet: enter the secret first.")),
        }
    }

    /// People may use it. A tool without a secret of ours needs no verification.
    pub fn active(self, at: Timestamp, needs_token: bool) -> Result<Self, Error> {
        match self {
            Self::Verified(_) => Ok(Self::Active(at)),
            Self::Fetched(_) | Self::Suspended(..) if !needs_token => Ok(Self::Active(at)),
            _ => Err(self.not_yet("The tool has to be verified first.")),
        }
    }

    /// Nothing goes out until it is verified anew.
    pub fn suspended(self, at: Timestamp, why: Suspension) -> Result<Self, Error> {
        match self {
            Self::Active(_) | Self::Verified(_) | Self::Suspended(_, Suspension::Changed) => {
                Ok(Self::Suspended(at, why))
            }
            _ => Err(self.not_yet("Only a tool that is active can be suspended.")),
        }
    }

    fn not_yet(self, what: &'static str) -> Error {
        Error::new(Kind::Conflict, what).with_source(format!("the install is {}", self.as_str()))
    }
}

impl Suspension {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Owner => "owner",
        }
    }
}

impl FromStr for Suspension {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "changed" => Ok(Self::Changed),
            "owner" => Ok(Self::Owner),
            _ => Err(Error::invalid(format!("{text:?} is no reason to suspend"))),
        }
    }
}

/// Whether a person's connection serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The person has not signed in at the tool yet.
    Pending,
    /// Calls go through.
    Active,
    /// The tool does not take the person's credential any more.
    NeedsReauth,
}

impl ConnectionState {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::NeedsReauth => "needs_reauth",
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ConnectionState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "pending" => Ok(Self::Pending),
            "active" => Ok(Self::Active),
            "needs_reauth" => Ok(Self::NeedsReauth),
            _ => Err(Error::invalid(format!("{text:?} is no state of a connection"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ph20_no_step_of_an_install_can_be_skipped() -> Result<(), Error> {
        let at = Timestamp::from_secs;
        let fetched = InstallState::Fetched(at(1));
        assert!(fetched.token_issued(at(2)).is_err());
        assert!(fetched.verified(at(2)).is_err());
        assert!(fetched.active(at(2), true).is_err());
        assert!(fetched.suspended(at(2), Suspension::Owner).is_err());
        assert_eq!(fetched.active(at(2), false)?, InstallState::Active(at(2)));
        let issued = fetched.secret_entered(at(2)).token_issued(at(3))?;
        assert_eq!(issued, InstallState::TokenIssued(at(3)));
        let active = issued.verified(at(4))?.active(at(5), true)?;
        assert_eq!(active, InstallState::Active(at(5)));
        let gone = active.suspended(at(6), Suspension::Changed)?;
        assert!(gone.active(at(7), true).is_err());
        let wished = gone.suspended(at(7), Suspension::Owner)?;
        assert!(wished.suspended(at(8), Suspension::Changed).is_err(), "the owner's word stays");
        assert_eq!(gone.verified(at(7))?, InstallState::Verified(at(7)));
        let anew = active.secret_entered(at(8));
        assert_eq!(anew, InstallState::SecretEntered(at(8)), "another secret is verified anew");
        Ok(())
    }

    #[test]
    fn states_are_read_as_they_are_written() -> Result<(), Error> {
        let at = Timestamp::from_secs(1);
        for state in [
            InstallState::Fetched(at),
            InstallState::SecretEntered(at),
            InstallState::TokenIssued(at),
            InstallState::Verified(at),
            InstallState::Active(at),
            InstallState::Suspended(at, Suspension::Changed),
        ] {
            let why = state.suspension().map(Suspension::as_str);
            assert_eq!(InstallState::read(state.as_str(), at, why)?, state);
        }
        for state in
            [ConnectionState::Pending, ConnectionState::Active, ConnectionState::NeedsReauth]
        {
            assert_eq!(state.as_str().parse::<ConnectionState>()?, state);
        }
        Ok(())
    }
}
