//! The gate: credential → principal → permit → hold → outcome → entry.
//!
//! Every call of every door goes through here, in this order, and what a function takes is proof
//! that the step before it was made. Doors have no store writer, no vault and no HTTP client.

mod apps;
mod authn;
mod books;
mod bounds;
mod call;
mod catalogue;
mod connect;
mod drain;
mod ends;
mod events;
mod fetch;
mod figures;
mod flight;
mod flow;
mod forward;
mod gate;
mod hold;
mod identity;
mod ledger;
mod lent;
mod lists;
mod live;
mod load;
mod metered;
mod named;
mod passwords;
mod permit;
mod plain;
mod plain_flow;
mod plain_send;
mod policy;
mod pool;
mod presented;
mod prices;
mod principal;
mod profile;
mod proofs;
mod providers;
mod rank;
mod rates;
mod remembered;
mod replay;
mod resources;
mod scan;
mod secrets;
mod sign_in;
mod signing;
mod silence;
mod standing;
mod target;
mod task_waker;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
mod tokens;
mod tool;
mod tool_callers;
mod tool_documents;
mod tool_place;
mod touch;
mod transport;
mod trouble;
mod under_way;
mod upstream;
mod wire;
mod works;

/// A map on the way of every call, for keys that are ours or the owner's: its hash is quick, and
/// resists keys that somebody chose to collide less than the standard one.
type FastMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// The same as a set.
type FastSet<T> = std::collections::HashSet<T, foldhash::fast::RandomState>;

pub use books::BudgetsOf;
pub use bounds::Bounds;
pub use call::{Call, ConnectionCall, ModelCall, PlainRequest, ToolCall};
pub use catalogue::Listed;
pub use connect::{
    Change, Connected, Endpoints as ToolEndpoints, FLOW_LIFE, Facts, Install, Landing, Redeemed,
    Said, ToolPatience, VERIFICATION_KEY, Verification,
};
pub use drain::DrainBounds;
pub use fetch::{Document, DocumentForm, DocumentUrl, FetchTerms, Outbound, Redirects};
pub use figures::{COMMIT_BOUNDS_US, Figures, LedgerFigures};
pub use gate::{BudgetStanding, Gate, JobToken, Jobs, Parts};
pub use hold::Hold;
pub use lists::UpstreamTest;
pub use live::Live;
pub use metered::Metered;
pub use permit::Permit;
pub use plain::{PLAIN_BODY_MAX, plain_headers};
pub use presented::Presented;
pub use prices::{ModelFacts, NoPrices, Prices};
pub use principal::{Principal, Reach, Warrant};
pub use providers::{PROVIDER_ENDPOINTS, PROVIDER_FIELDS, check_provider, secret_goes_to};
pub use rank::AccountChange;
pub use rates::{RateStanding, Refusal};
pub use replay::{Came, Claim, Kept, Once, OnceAsked};
pub use resources::Resource;
pub use sign_in::{
    Endpoints, Finding, Identity, Outset, Provider, Returned, SealedSecret, redirect_uri_of,
};
pub use signing::{KeyStage, KeyStanding, Replaced};
pub use tollgate_protocol::sign_in::Fields;
pub use tollgate_vault::{Purpose, Verdict};
pub use tool::Tool;
pub use tool_place::{ToolPlaces, is_loopback, local_host};
pub use trouble::{Trouble, TroubleKind};
pub use under_way::{Arrival, Departure, SIGN_IN_LIFE};
pub use upstream::{Patience, Upstream};
pub use works::Works;
