//! The door that people come in by: accounts, signing in, sessions, keys, and a person's own pages.
//!
//! One file for each use case; the page and the API call the same one, so that each rule stands
//! once. `routes.rs` says what is offered, `api/` and `pages/` only translate.

mod add_upstream;
mod api;
mod change_me;
mod check;
mod complete_sign_in;
mod create_key;
mod create_user;
mod delete_user;
mod end_session;
mod first_call;
mod issue_token;
mod link_identity;
mod list_keys;
mod list_sessions;
mod list_users;
mod make_link;
mod new_password;
mod pages;
mod rate_password;
mod require_current;
mod revoke_key;
mod rotate_key;
mod routes;
mod setup;
mod sign_in;
mod sign_out;
mod sign_up;
mod start_session;
mod start_sign_in;
mod state;
mod unlink_identity;
mod update_key;
mod update_user;
mod use_link;

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;

pub use make_link::link_path;
pub use pages::{assets, nav};
pub use routes::rows;
pub use setup::{
    NewOwner, Owner, SetupLink, new_setup_link, setup_owner, setup_path, ship_standard_plan,
};
pub use state::IdentityState;
