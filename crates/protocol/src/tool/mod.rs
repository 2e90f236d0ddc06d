//! What a tool publishes: its plugin manifest, and its OpenAPI document with an address and
//! security of ours. Written strictly; what others publish is read elsewhere, and leniently.

mod manifest;
mod openapi;

pub use manifest::{
    BodyForm, Manifest, ManifestAuth, Scheme, TextField, check_service, check_text,
};
pub use openapi::{OpenApi, Remark, Security};
