//! The management API of this door: JSON in, a use case, JSON out.

pub(crate) mod identities;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod part;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;
