//! The first owner, and what a new installation starts with.

use std::sync::Arc;
use std::time::Duration;

use tollgate_gate::{Gate, Principal, Warrant};
use tollgate_kernel::{
    Budget, Error, KeyId, Kind, LinkId, Manage, ModelPattern, Noun, Period, PlainToken, Plan,
    Rates, Role, Secret, Slug, Subject, Timestamp, Unit, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{
    AuditEvent, KeyHolder, LinkPurpose, NewKey, NewLink, NewSecret, NewUser, PlanBody, PlanRecord,
    UserRecord,
};

use crate::check;
use crate::make_link::LINK_LIFE;
use crate::new_password::{Own, require_good};

/// How long a set-up link counts.
const SETUP_LIFE: Duration = Duration::from_secs(3_600);

/// The name of the plan that every installation has from the start.
const STANDARD: &str = "standard";

/// What the first owner is made of.
pub struct NewOwner {
    /// The e-mail address.
    pub email: String,
    /// What the person is called; may be empty.
    pub name: String,
    /// The language of pages, as a BCP 47 tag.
    pub locale: Option<String>,
    /// The password; without one the owner comes in by the link.
    pub password: Option<PlainToken>,
    /// The token of a set-up link. Whoever is on this machine (the socket, a job) needs none.
    pub setup_token: Option<PlainToken>,
}

/// The first owner, with what is shown this once.
pub struct Owner {
    /// The account.
    pub user: UserRecord,
    /// A service key with the owner's rights, `tg_admin_…`. It lasts 366 days.
    pub admin_key: PlainToken,
    /// The token of a one-time sign-in link, `tg_link_…`; [`crate::link_path`] is its page.
    pub link: PlainToken,
    /// When that link ends.
    pub link_expires_at: Timestamp,
}

/// A set-up link: who opens it makes the first owner.
pub struct SetupLink {
    /// Its token, `tg_setup_…`; [`setup_path`] is its page.
    pub token: PlainToken,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The path of the set-up page with this token.
pub fn setup_path(token: &PlainToken) -> String {
    format!("/setup?token={}", token.expose())
}

/// A new set-up link, good for an hour; none when there is an owner. `caller` is a job of the
/// server itself.
pub async fn new_setup_link(
    gate: &Gate,
    caller: &Arc<Principal>,
) -> Result<Option<SetupLink>, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Settings))?;
    if gate.read(&warrant).owner_exists().await? {
        return Ok(None);
    }
    let (token, hash) = gate.new_token(TokenType::Setup);
    let expires_at = gate.clock().now().plus(SETUP_LIFE);
    let id = LinkId::new(&**gate.clock(), &**gate.rng());
    let link =
        NewLink { id, hash: *hash.as_bytes(), purpose: LinkPurpose::Setup, user: None, expires_at };
    let mut tx = gate.begin(&warrant).await?;
    tx.insert_link(link).await?;
    tx.commit(AuditEvent::new("link.create", format!("link:{id}"))).await?;
    Ok(Some(SetupLink { token, expires_at }))
}

/// Makes the plan `standard`, if there is none of this name. It counts tokens, so that models
/// without a price work; it is nobody's default until the owner says so.
pub async fn ship_standard_plan(gate: &Gate, caller: &Arc<Principal>) -> Result<(), Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Plans))?;
    let Some(plan) = missing_standard(gate, &warrant).await? else { return Ok(()) };
    let mut tx = gate.begin(&warrant).await?;
    tx.put_plan(&plan).await?;
    tx.commit(AuditEvent::new("plan.create", format!("plan:{STANDARD}"))).await?;
    gate.heed().await;
    Ok(())
}

async fn missing_standard(gate: &Gate, warrant: &Warrant) -> Result<Option<PlanRecord>, Error> {
    let id = Slug::parse(STANDARD)?;
    if gate.read(warrant).plan(&id).await?.is_some() {
        return Ok(None);
    }
    let tokens = |limit, period| Budget { unit: Unit::Tokens, limit, period };
    let body = PlanBody {
        tools: None,
        models: vec![ModelPattern::parse("*")?],
        rates: Rates {
            requests_per_minute: Some(600),
            tokens_per_minute: Some(2_000_000),
            concurrent: Some(64),
        },
        budgets: vec![tokens(1_000_000, Period::Day), tokens(10_000_000, Period::Month)],
        time_zone: "UTC".to_owned(),
        max_output_tokens: Plan::DEFAULT_MAX_OUTPUT_TOKENS,
        profile: None,
    };
    Ok(Some(PlanRecord::new(id, body)))
}

/// Whether the set-up page has anything left to do.
pub(crate) async fn is_open(gate: &Gate, caller: &Arc<Principal>) -> Result<bool, Error> {
    let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
    Ok(!gate.read(&warrant).owner_exists().await?)
}

/// Makes the first owner, on the plan `standard`, with an admin key and a sign-in link. The use
/// case of the set-up page, of `tollgate init` and of the demo.
///
/// Of any number at once one succeeds; the others, and all later ones, get a conflict. Whoever is
/// neither a job nor on the socket needs the token of a set-up link: used, expired and unknown ones
/// are forbidden.
pub async fn setup_owner(
    gate: &Gate,
    caller: &Arc<Principal>,
    new: NewOwner,
) -> Result<Owner, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::SignIn))?;
    let NewOwner { email, name, locale, password, setup_token } = new;
    let email = check::email(&email)?;
    let name = check::name(&name)?;
    let locale = locale.as_deref().map(check::locale).transpose()?;
    if let Some(password) = &password {
        require_good(password, Own { email: &email, name: &name }).await?;
    }
    let proof = proof(gate, caller, setup_token.as_ref())?;
    let hash = match password {
        Some(password) => Some(Secret::new(gate.hash_password(password).await?)),
        None => None,
    };
    let plan = missing_standard(gate, &warrant).await?;
    let user = NewUser {
        id: UserId::new(&**gate.clock(), &**gate.rng()),
        email,
        name,
        locale,
        role: Role::Owner,
        plan: Some(Slug::parse(STANDARD)?),
        password: hash,
        external_id: None,
    };
    let found = Found { proof, plan, user };
    found.store(gate, &warrant).await
}

/// The hash of the set-up link that is to be used up; none where none is needed.
fn proof(
    gate: &Gate,
    caller: &Principal,
    token: Option<&PlainToken>,
) -> Result<Option<[u8; 32]>, Error> {
    if matches!(caller.subject(), Subject::System(_) | Subject::Local(_)) {
        return Ok(None);
    }
    let hash = token.and_then(|token| gate.hash_presented(TokenType::Setup, token));
    Ok(Some(*hash.ok_or_else(link_over)?.as_bytes()))
}

/// What is stored together.
struct Found {
    proof: Option<[u8; 32]>,
    plan: Option<PlanRecord>,
    user: NewUser,
}

impl Found {
    async fn store(self, gate: &Gate, warrant: &Warrant) -> Result<Owner, Error> {
        let Self { proof, plan, user } = self;
        let (admin_key, key, secret) = admin_key(gate);
        let (link, link_hash) = gate.new_token(TokenType::Link);
        let link_expires_at = gate.clock().now().plus(LINK_LIFE);
        let new_link = NewLink {
            id: LinkId::new(&**gate.clock(), &**gate.rng()),
            hash: *link_hash.as_bytes(),
            purpose: LinkPurpose::SignIn,
            user: Some(user.id),
            expires_at: link_expires_at,
        };
        let mut tx = gate.begin(warrant).await?;
        tx.claim_first_owner().await?;
        if let Some(hash) = proof {
            tx.use_link(&hash, LinkPurpose::Setup).await?.ok_or_else(link_over)?;
        }
        if let Some(plan) = plan {
            tx.put_plan(&plan).await?;
        }
        let user = tx.insert_user(user).await?;
        tx.insert_key(key, secret).await?;
        tx.insert_link(new_link).await?;
        tx.commit(AuditEvent::new("owner.create", format!("user:{}", user.id))).await?;
        gate.heed().await;
        Ok(Owner { user, admin_key, link, link_expires_at })
    }
}

fn admin_key(gate: &Gate) -> (PlainToken, NewKey, NewSecret) {
    let (token, hash) = gate.new_token(TokenType::Admin);
    let key = NewKey {
        id: KeyId::new(&**gate.clock(), &**gate.rng()),
        name: "first admin key".to_owned(),
        holder: KeyHolder::Admin,
        tool: None,
        models: None,
        networks: None,
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: None,
    };
    let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
    (token, key, secret)
}

fn link_over() -> Error {
    Error::new(
        Kind::Forbidden,
        "This set-up link is not valid any more. The server prints a new one when it starts.",
    )
}
