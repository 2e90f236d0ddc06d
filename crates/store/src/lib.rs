//! The state of an installation, on SQLite or PostgreSQL, with the same statements on both.
//!
//! [`open`] asks for the [`tollgate_root::Root`] and gives a [`Reader`] and the one [`Writer`].
//! What is managed changes in a [`Tx`], which knows who acts and cannot be committed without an
//! [`AuditEvent`]; the announcements that revoke credentials on every node are part of it.
//! Secrets come here hashed or sealed, never in clear.

mod app_users;
mod audit;
mod auth_codes;
mod clients;
mod conn;
mod connections;
mod consents;
mod descent;
mod dialect;
mod direct;
mod engine;
mod events;
mod grants;
mod groups;
mod identities;
mod installs;
mod keys;
pub mod ledger;
mod links;
mod lock;
mod migrate;
mod models;
mod oauth_members;
mod open;
mod page;
mod plans;
mod providers;
mod releases;
mod replays;
mod resources;
mod schema;
mod sessions;
pub mod settings;
mod sign_ins;
mod signing_keys;
mod sql;
mod tools;
mod tx;
mod upkeep;
mod upstreams;
mod users;
mod value;

use std::path::PathBuf;

pub use audit::{AuditFilter, AuditRecord, AuditVerdict};
pub use auth_codes::{CodeRecord, NewCode, Used};
pub use clients::{ClientKind, ClientRecord};
pub use connections::{ConnectionRecord, FlowRecord, NewFlow};
pub use consents::ConsentRecord;
pub use descent::{Descent, GENERATIONS_MAX, Origin};
pub use events::{Event, EventKind};
pub use grants::{GrantRecord, GrantStanding, NewGrant, RefreshRecord};
pub use groups::GroupRecord;
pub use identities::{IdentityRecord, NewIdentity};
pub use installs::InstallRecord;
pub use keys::{
    HolderRecord, KeyCredential, KeyFilter, KeyHolder, KeyRecord, KeyState, NewKey, NewSecret,
};
pub use links::{LinkPurpose, LinkRecord, NewLink};
pub use lock::Refusal;
pub use models::ModelRecord;
pub use oauth_members::{AuthMethod, OAuthMembers};
pub use open::{Options, Reader, Writer, open};
pub use page::{Owner, Page, PageRequest};
pub use plans::{PlanBody, PlanRecord};
pub use providers::ProviderRecord;
pub use replays::{NewReplay, ReplayClaim, ReplayRecord};
pub use resources::ResourceRecord;
pub use sessions::{NewSession, SessionRecord};
pub use sign_ins::{NewSignIn, SignInPurpose, SignInRecord};
pub use signing_keys::{NewSigningKey, SigningKeyRecord, SigningKeyState};
pub use tools::{
    HttpScheme, Noted, TokenBody, ToolAuth, ToolCallback, ToolManifest, ToolRecord, ToolState,
    UpstreamAuth,
};
pub use tx::{Actor, AuditEvent, Tx};
pub use upkeep::Swept;
pub use upstreams::UpstreamRecord;
pub use users::{AccountState, NewUser, UserFilter, UserRecord, canonical_email};

/// Where the state lives.
#[derive(Clone)]
pub enum Target {
    /// In files of a folder.
    Sqlite {
        /// The folder; it is made if it is not there.
        data_dir: PathBuf,
    },
    /// In a PostgreSQL database.
    Postgres {
        /// Its URL, password and all: hence no `Debug`.
        url: String,
    },
}
