//! The nouns and pure rules of Tollgate: who asks, what is limited, what it costs, what went wrong.
//!
//! Nothing here is asynchronous and nothing touches a file, a socket or a database. Time and
//! randomness are handed in ([`Clock`], [`Rng`]), so that every rule can be tested with both fixed.

mod access;
mod clock;
mod entry;
mod error;
pub mod figures;
mod gcra;
mod ids;
mod install;
mod limit;
mod money;
mod oauth_code;
mod plan;
mod principal;
mod profile;
mod provider;
mod rng;
mod secret;
mod window;

pub use access::{Access, Action, Manage, Noun};
pub use clock::{Clock, LeapingClock, ManualClock, SystemClock, Timestamp};
pub use entry::{Called, Entry, EntryState, Tally};
pub use error::{Blame, Error, Kind};
pub use gcra::{Gcra, Verdict};
pub use ids::{
    AuditId, CallId, ClientId, ConnectionId, EntryKey, EventId, GrantId, IdentityId, InstallId,
    KeyId, LinkId, RequestId, SessionId, Slug, TokenId, UserId,
};
pub use install::{ConnectionState, InstallState, Suspension};
pub use limit::{Account, Budget, Charged, Holder, Period, Rates, Unit};
pub use money::{Class, Nano, Price, Tier, Usage};
pub use oauth_code::OAuthCode;
pub use plan::{ModelPattern, Plan, ToolPattern};
pub use principal::{
    Audience, Client, CredentialId, Job, Method, Network, Role, Scope, Scopes, Subject,
};
pub use profile::{About, Ceilings, Defaults, Effort, Profile, Template};
pub use provider::{Preset, ProviderKind};
pub use rng::{Rng, SeededRng};
pub use secret::{PlainToken, Secret};
pub use window::Window;
