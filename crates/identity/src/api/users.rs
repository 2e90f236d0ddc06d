//! `/api/v1/users`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tollgate_edge::shapes::{List, ProfileShape, said};
use tollgate_edge::{Body, Caller, Exchange, Path, Query, Reply, reply};
use tollgate_kernel::{Error, Profile, Role, Secret, Slug, Timestamp, UserId};
use tollgate_store::{AccountState, LinkPurpose, UserFilter};

use super::part::page_request;
use crate::create_user::{UserWish, create_user};
use crate::delete_user::delete_user;
use crate::list_users::{Account, find_user, list_users};
use crate::make_link::{link_path, make_link};
use crate::new_password::Wished;
use crate::state::IdentityState;
use crate::update_user::{UserChange, update_user};

/// A new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    email: String,
    /// Of 15 to 128 characters; without one the person comes in by a link.
    #[schemars(with = "Option<String>")]
    password: Option<Secret>,
    /// In place of a password its bcrypt hash, of cost 4 to 13, as another system kept it.
    #[schemars(with = "Option<String>")]
    password_hash: Option<Secret>,
    name: Option<String>,
    /// A language tag.
    locale: Option<String>,
    /// `member` unless said, `admin` or `owner`.
    #[schemars(with = "Option<String>")]
    role: Option<Role>,
    /// A plan of their own.
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    #[schemars(with = "Option<Vec<String>>")]
    groups: Option<Vec<Slug>>,
    /// What the owner's other software calls this person.
    external_id: Option<String>,
    /// What goes into their calls of models; it comes before their plan's.
    #[schemars(with = "Option<ProfileShape>")]
    profile: Option<Value>,
    /// `active` unless said, or `disabled`.
    #[serde(default, deserialize_with = "state")]
    #[schemars(with = "Option<String>")]
    state: Option<AccountState>,
}

/// Changes to an account; what is left out stays. A new password ends all sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    email: Option<String>,
    #[schemars(with = "Option<String>")]
    password: Option<Secret>,
    /// In place of a password its bcrypt hash, of cost 4 to 13, as another system kept it.
    #[schemars(with = "Option<String>")]
    password_hash: Option<Secret>,
    name: Option<String>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    locale: Option<Option<String>>,
    #[schemars(with = "Option<String>")]
    role: Option<Role>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    plan: Option<Option<Slug>>,
    /// All groups of the person.
    #[schemars(with = "Option<Vec<String>>")]
    groups: Option<Vec<Slug>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    external_id: Option<Option<String>>,
    /// What goes into their calls of models: what it leaves out stays, `null` takes away, the
    /// whole or a member.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<ProfileShape>")]
    profile: Option<Value>,
    #[serde(default, deserialize_with = "state")]
    #[schemars(with = "Option<String>")]
    state: Option<AccountState>,
}

/// Which accounts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserList {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Addresses that begin so, in any case.
    email: Option<String>,
    #[serde(default, deserialize_with = "state")]
    #[schemars(with = "Option<String>")]
    state: Option<AccountState>,
    #[schemars(with = "Option<String>")]
    role: Option<Role>,
    /// People with this plan of their own.
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    /// Members of this group.
    #[schemars(with = "Option<String>")]
    group: Option<Slug>,
}

/// What a link is for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// `sign_in`, `reset` or `invite`.
    purpose: String,
}

/// An account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserView {
    #[schemars(with = "String")]
    id: UserId,
    email: String,
    name: String,
    locale: Option<String>,
    #[schemars(with = "String")]
    role: Role,
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    #[schemars(with = "Vec<String>")]
    groups: Vec<Slug>,
    external_id: Option<String>,
    /// What goes into their calls of models; it comes before their plan's.
    #[schemars(with = "Option<ProfileShape>")]
    profile: Option<Box<Profile>>,
    /// `active` or `disabled`.
    state: &'static str,
    has_password: bool,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

/// A one-time link; its address is shown this once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LinkView {
    url: String,
    #[schemars(with = "String")]
    expires_at: Timestamp,
}

impl From<Account> for UserView {
    fn from(Account { user, groups }: Account) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            locale: user.locale,
            role: user.role,
            plan: user.plan,
            groups,
            external_id: user.external_id,
            profile: user.profile,
            state: user.state.as_str(),
            has_password: user.has_password,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AccountState>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parsed = text.map(|text| text.parse::<AccountState>()).transpose();
    parsed.map_err(|error| serde::de::Error::custom(error.detail()))
}

pub(crate) async fn create(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Body(body): Body<NewUserBody>,
) -> Reply {
    let wish = UserWish {
        email: body.email,
        password: Wished::of(body.password, body.password_hash)?,
        name: body.name.unwrap_or_default(),
        locale: body.locale,
        role: body.role.unwrap_or(Role::Member),
        plan: body.plan,
        groups: body.groups.unwrap_or_default(),
        external_id: body.external_id,
        profile: body.profile,
        state: body.state.unwrap_or(AccountState::Active),
    };
    let account = create_user(&state.gate, &caller, wish).await?;
    let place = format!("/api/v1/users/{}", account.user.id);
    reply::created(&place, &UserView::from(account))
}

pub(crate) async fn list(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(query): Query<UserList>,
) -> Reply {
    let UserList { limit, cursor, email, state: wanted, role, plan, group } = query;
    let filter = UserFilter { email_prefix: email, state: wanted, role, plan, group };
    let request = page_request::<UserId>(limit, cursor.as_deref())?;
    let page = list_users(&state.gate, &caller, &filter, &request).await?;
    let items = page.items.into_iter().map(UserView::from).collect();
    reply::json(&List { items, next: page.next })
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<UserId>,
) -> Reply {
    reply::json(&UserView::from(find_user(&state.gate, &caller, id).await?))
}

pub(crate) async fn change(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<UserId>,
    Body(body): Body<UserPatch>,
) -> Reply {
    let change = UserChange {
        email: body.email,
        password: Wished::of(body.password, body.password_hash)?,
        name: body.name,
        locale: body.locale,
        role: body.role,
        plan: body.plan,
        groups: body.groups,
        external_id: body.external_id,
        profile: body.profile,
        state: body.state,
    };
    reply::json(&UserView::from(update_user(&state.gate, &caller, id, change).await?))
}

pub(crate) async fn remove(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Path(id): Path<UserId>,
) -> Reply {
    delete_user(&state.gate, &caller, id).await?;
    reply::no_content()
}

pub(crate) async fn create_link(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<UserId>,
    Body(body): Body<LinkBody>,
) -> Reply {
    let purpose: Result<LinkPurpose, Error> = body.purpose.parse();
    let made = make_link(&state.gate, &caller, id, purpose?).await?;
    // The address comes from the configuration, never from the request (T50).
    let url = format!("{}{}", exchange.edge().origin(), link_path(&made.token));
    reply::json(&LinkView { url, expires_at: made.expires_at })
}
