//! Making an API key.

use std::sync::Arc;

use tollgate_gate::{Bounds, Gate, Principal, Reach, Warrant};
use tollgate_kernel::{
    Budget, Error, KeyId, Kind, Manage, ModelPattern, Noun, PlainToken, Rates, Timestamp,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AuditEvent, KeyHolder, KeyRecord, NewKey, NewSecret, Owner, Tx};

use crate::check::{self, Mistake};

/// The most keys of one holder that work at a time: of a person, of an app, and of all admin keys
/// together.
const KEYS_MAX: u32 = 1_000;

/// What a key is to be.
pub(crate) struct KeyWish {
    pub(crate) name: String,
    /// Whom it speaks for; the caller, where nothing is said.
    pub(crate) holder: Option<KeyHolder>,
    pub(crate) models: Vec<ModelPattern>,
    pub(crate) networks: Vec<String>,
    pub(crate) rates: Rates,
    pub(crate) budgets: Vec<Budget>,
    /// When it ends; never by itself, where nothing is said.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Makes a key and gives its secret, which is shown once. People make keys for themselves; owners
/// and admins for everybody, for apps, and admin keys; but an owner's own keys are made by owners.
/// Whom the caller may not know of is not found; who has [`KEYS_MAX`] gets a conflict. What is made
/// with a key may do what that key may, and nothing more.
pub(crate) async fn create_key(
    gate: &Gate,
    caller: &Arc<Principal>,
    wish: KeyWish,
) -> Result<(KeyRecord, PlainToken), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Keys))?;
    let holder = holder(gate, &warrant, wish.holder).await?;
    gate.require_rank_for(&warrant, holder).await?;
    let bounds = Bounds::of(gate, &warrant).await?;
    bounds.require_room(holder)?;
    Budget::check(&wish.budgets)?;
    let key = NewKey {
        id: KeyId::new(&**gate.clock(), &**gate.rng()),
        name: check::key_name(&wish.name)?,
        holder,
        tool: None,
        models: bounds.models(models(wish.models)?)?,
        networks: bounds.networks(check::networks(&wish.networks)?)?,
        rates: bounds.rates(wish.rates),
        budgets: bounds.budgets(wish.budgets),
        expires_at: bounds.expiry(check::expiry(wish.expires_at, gate.clock().now())?),
    };
    let (token, secret) = new_secret(gate, holder);
    let mut tx = gate.begin(&warrant).await?;
    let record = tx.insert_key(key, secret).await?;
    require_place(&mut tx, holder).await?;
    tx.commit(AuditEvent::new("key.create", format!("key:{}", record.id))).await?;
    Ok((record, token))
}

/// Refuses what would leave `holder` with more than [`KEYS_MAX`] keys that work.
pub(crate) async fn require_place(tx: &mut Tx, holder: KeyHolder) -> Result<(), Error> {
    if tx.live_keys(holder, KEYS_MAX).await? <= KEYS_MAX {
        return Ok(());
    }
    let detail = format!("There are {KEYS_MAX} keys that work already. Revoke some first.");
    Err(Error::new(Kind::Conflict, detail))
}

/// A secret for a key of `holder`, and what is kept of it.
pub(crate) fn new_secret(gate: &Gate, holder: KeyHolder) -> (PlainToken, NewSecret) {
    let kind = match holder {
        KeyHolder::User(_) => TokenType::User,
        KeyHolder::App(_) => TokenType::App,
        KeyHolder::Admin => TokenType::Admin,
        KeyHolder::Service => TokenType::Tool,
    };
    let (token, hash) = gate.new_token(kind);
    let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
    (token, secret)
}

/// The models that a key is restricted to; an empty list is no restriction of its own.
pub(crate) fn models(list: Vec<ModelPattern>) -> Result<Option<Vec<ModelPattern>>, Mistake> {
    if list.len() > check::MODELS_MAX {
        return Err(Mistake::Models);
    }
    Ok((!list.is_empty()).then_some(list))
}

async fn holder(
    gate: &Gate,
    warrant: &Warrant,
    wished: Option<KeyHolder>,
) -> Result<KeyHolder, Error> {
    let own = warrant.principal().user();
    let Some(wished) = wished else {
        let detail = "Say whom the key is for: user, client, or \"admin\": true.";
        let nobody = || Error::invalid(detail).with_param("user");
        return own.map(KeyHolder::User).ok_or_else(nobody);
    };
    let all = warrant.reach() == Reach::All;
    let reader = gate.read(warrant);
    match wished {
        KeyHolder::User(user) if all => {
            let found = reader.user(Owner::All, user).await?;
            found.ok_or_else(|| Error::not_found().with_param("user"))?;
        }
        KeyHolder::App(client) if all => {
            let found = reader.client(Owner::All, client).await?;
            found.ok_or_else(|| Error::not_found().with_param("client"))?;
        }
        KeyHolder::Admin if all => {}
        KeyHolder::User(user) if own == Some(user) => {}
        KeyHolder::User(_) => return Err(Error::not_found().with_param("user")),
        KeyHolder::App(_) => return Err(Error::not_found().with_param("client")),
        // A tool's own affair, whatever the caller reaches.
        KeyHolder::Service => return Err(Error::not_found()),
        KeyHolder::Admin => {
            let detail = "Only owners and admins make admin keys.";
            return Err(Error::new(Kind::Forbidden, detail).with_param("admin"));
        }
    }
    Ok(wished)
}
