//! `/api/v1/signing-keys`: the keys of our tokens, and their rotation.

use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::List;
use tollgate_edge::{Body, Caller};
use tollgate_gate::{KeyStage, KeyStanding, Replaced, Warrant};
use tollgate_kernel::{Error, Manage, Noun, Timestamp};

use crate::state::OAuthState;

/// How long a new key is published before it signs, unless somebody says: others keep our list for
/// ten minutes, and may have it from somebody who kept it as long.
const LEAD_S: u32 = 1_200;
/// The longest that a new key waits.
const LEAD_MAX_S: u32 = 7 * 86_400;

/// How keys are to be replaced.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rotation {
    /// After how many seconds the new keys sign; 1200 unless said. Until then they are published,
    /// so that whoever verifies tokens knows them. 0 is at once; what the keys before signed
    /// counts to its end all the same.
    #[schemars(range(max = 604_800))]
    lead_s: Option<u32>,
    /// For keys that were stolen: the new ones sign at once, and the ones before are removed with
    /// all that they signed. Apps refresh their tokens; others that verify them by our keys learn
    /// of it when they read our list anew.
    revoke: bool,
}

/// A signing key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyView {
    /// Its id in the headers of tokens.
    kid: String,
    /// `ES256` signs access tokens, `RS256` ID tokens.
    alg: String,
    /// `standby`: published, signs later. `in_use`. `previous`: what it signed still counts.
    #[schemars(extend("enum" = ["standby", "in_use", "previous"]))]
    state: &'static str,
    /// When it begins to sign, or began.
    #[schemars(with = "String")]
    starts_at: Timestamp,
}

impl From<KeyStanding> for KeyView {
    fn from(key: KeyStanding) -> Self {
        let KeyStanding { kid, alg, stage, starts_at } = key;
        let state = match stage {
            KeyStage::Standby => "standby",
            KeyStage::InUse => "in_use",
            KeyStage::Previous => "previous",
        };
        Self { kid, alg, state, starts_at }
    }
}

/// `GET /api/v1/signing-keys`.
pub(crate) async fn list(State(state): State<OAuthState>, Caller(caller): Caller) -> Reply {
    let warrant = state.gate.allow(&caller, Manage::read(Noun::SigningKeys))?;
    listed(&state, &warrant).await
}

/// `POST /api/v1/signing-keys/rotate`.
pub(crate) async fn rotate(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    Body(rotation): Body<Rotation>,
) -> Reply {
    let warrant = state.gate.allow(&caller, Manage::write(Noun::SigningKeys))?;
    let lead_s = rotation.lead_s.unwrap_or(LEAD_S);
    if lead_s > LEAD_MAX_S {
        let detail = format!("lead_s is at most {LEAD_MAX_S} seconds.");
        return Err(Error::invalid(detail).with_param("lead_s").into());
    }
    let replaced = match (rotation.revoke, rotation.lead_s) {
        (false, _) => Replaced::After(Duration::from_secs(u64::from(lead_s))),
        (true, None | Some(0)) => Replaced::Revoked,
        (true, Some(_)) => {
            let detail = "Keys that are revoked are replaced at once. Leave lead_s out.";
            return Err(Error::invalid(detail).with_param("lead_s").into());
        }
    };
    state.gate.rotate_signing_keys(&warrant, replaced).await?;
    listed(&state, &warrant).await
}

async fn listed(state: &OAuthState, warrant: &Warrant) -> Reply {
    let keys = state.gate.signing_keys(warrant).await?;
    let items = keys.into_iter().map(KeyView::from).collect();
    reply::json(&List::<KeyView> { items, next: None })
}
