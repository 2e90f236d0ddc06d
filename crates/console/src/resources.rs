//! Resources: addresses that access tokens are made for, beside our own doors.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::Warrant;
use tollgate_kernel::{Error, Kind, Manage, Noun, Scope, Timestamp};
use tollgate_protocol::oauth::RedirectUri;
use tollgate_store::{AuditEvent, ResourceRecord};

use crate::listing::{Cursors, ListQuery};
use crate::members::{needed, same_id};
use crate::state::ConsoleState;

const READ: Manage = Manage::read(Noun::Resources);
const WRITE: Manage = Manage::write(Noun::Resources);

/// The most aliases and scopes.
const MOST: usize = 64;

/// A new resource, or a change of one. What a change leaves out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResourceChange {
    /// Its address, without a slash at the end; needed for a new one. Tokens are made for it.
    uri: Option<String>,
    /// Other addresses by which clients call it.
    aliases: Option<Vec<String>>,
    /// The scopes that it knows.
    scopes: Option<Vec<String>>,
}

/// A resource as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ResourceView {
    /// Its address.
    uri: String,
    /// Other addresses by which clients call it.
    aliases: Vec<String>,
    /// The scopes that it knows.
    scopes: Vec<String>,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl From<ResourceRecord> for ResourceView {
    fn from(record: ResourceRecord) -> Self {
        let ResourceRecord { uri, aliases, scopes, created_at, updated_at, version: _ } = record;
        Self { uri, aliases, scopes, created_at, updated_at }
    }
}

/// `GET /api/v1/resources`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "resources");
    let request = cursors.request(&query)?;
    let page = state.read(&warrant).resources(&request).await?;
    reply::json(&cursors.list(page, ResourceView::from))
}

/// `GET /api/v1/resources/{uri}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(uri): Path<String>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    reply::json(&ResourceView::from(find(&state, &warrant, &uri).await?))
}

/// `POST /api/v1/resources`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<ResourceChange>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let uri = checked(&needed(change.uri.clone(), "uri")?, "uri")?;
    if state.gate.resource(&uri).is_some() {
        let what = "There is a resource with this address, or it is one of another's.";
        return Err(Error::new(Kind::Conflict, what).with_param("uri").into());
    }
    let made = store(&state, &warrant, ResourceRecord::new(uri), change).await?;
    let place: String = made.uri.bytes().map(|byte| format!("%{byte:02X}")).collect();
    reply::created(&format!("/api/v1/resources/{place}"), &ResourceView::from(made))
}

/// `PATCH /api/v1/resources/{uri}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(uri): Path<String>,
    Body(change): Body<ResourceChange>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let resource = find(&state, &warrant, &uri).await?;
    same_id(change.uri.as_ref(), &resource.uri)?;
    reply::json(&ResourceView::from(store(&state, &warrant, resource, change).await?))
}

/// `DELETE /api/v1/resources/{uri}`: its tokens end by themselves.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(uri): Path<String>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_resource(&uri).await?;
    state.commit(tx, AuditEvent::new("resource.delete", format!("resource:{uri}"))).await?;
    reply::no_content()
}

async fn find(state: &ConsoleState, warrant: &Warrant, uri: &str) -> Result<ResourceRecord, Error> {
    state.read(warrant).resource(uri).await?.ok_or_else(Error::not_found)
}

async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    mut resource: ResourceRecord,
    change: ResourceChange,
) -> Result<ResourceRecord, Error> {
    let ResourceChange { uri: _, aliases, scopes } = change;
    let bounded = |name: &str, length: usize| match length {
        0..=MOST => Ok(()),
        _ => Err(Error::invalid(format!("A list has at most {MOST} items.")).with_param(name)),
    };
    if let Some(aliases) = aliases {
        bounded("aliases", aliases.len())?;
        let alias = |(at, uri): (usize, &String)| checked(uri, &format!("aliases[{at}]"));
        resource.aliases = aliases.iter().enumerate().map(alias).collect::<Result<_, _>>()?;
        for (at, alias) in resource.aliases.iter().enumerate() {
            // One name for two would be the one's or the other's by chance.
            if state.gate.resource(alias).is_some_and(|known| known.uri != resource.uri) {
                let what = "This is the address of another resource, or one of its aliases.";
                let param = format!("aliases[{at}]");
                return Err(Error::new(Kind::Conflict, what).with_param(param));
            }
        }
    }
    if let Some(scopes) = scopes {
        bounded("scopes", scopes.len())?;
        for (at, scope) in scopes.iter().enumerate() {
            Scope::parse(scope).map_err(|error| error.with_param(format!("scopes[{at}]")))?;
            if [Scope::MODELS, Scope::MANAGE, Scope::CONNECTIONS].contains(&scope.as_str()) {
                let what = format!("The scope {scope:?} belongs to a door of this server.");
                return Err(Error::invalid(what).with_param(format!("scopes[{at}]")));
            }
        }
        resource.scopes = scopes;
    }
    let action = if resource.version == 0 { "resource.create" } else { "resource.update" };
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_resource(&resource).await?;
    let target = format!("resource:{}", resource.uri);
    state.commit(tx, AuditEvent::new(action, target)).await?;
    find(state, warrant, &resource.uri).await
}

/// An address: what may be a redirect URI of the web may be one of these, without a slash at its
/// end.
fn checked(uri: &str, param: &str) -> Result<String, Error> {
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    let web = uri.starts_with("https://") || uri.starts_with("http://");
    if web && RedirectUri::parse(uri).is_ok() {
        return Ok(uri.to_owned());
    }
    let what = format!("{uri:?} is not an address like https://api.example.com/mcp.");
    Err(Error::invalid(what).with_param(param))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{House, refusal};

    #[tokio::test]
    async fn a_resource_lives() {
        let house = House::new().await;
        let body = json!({"uri": "https://todo.example/mcp/", "scopes": ["todo.read"]});
        let made = house.done("POST", "/api/v1/resources", body.clone()).await;
        assert_eq!(made["uri"], "https://todo.example/mcp");
        assert_eq!(house.refused("POST", "/api/v1/resources", body).await.status, 409);
        let path = "/api/v1/resources/https%3A%2F%2Ftodo.example%2Fmcp";
        let change = json!({"aliases": ["https://todo.example"]});
        let merged = house.done("PATCH", path, change).await;
        assert_eq!(
            (&merged["scopes"], &merged["aliases"][0]),
            (&made["scopes"], &json!("https://todo.example"))
        );
        assert_eq!(house.done("GET", path, Value::Null).await, merged);
        let listed = house.done("GET", "/api/v1/resources", Value::Null).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        house.done("DELETE", path, Value::Null).await;
        assert_eq!(house.refused("GET", path, Value::Null).await.status, 404);
    }

    #[tokio::test]
    async fn g16_no_two_resources_have_one_name() {
        let house = House::new().await;
        let aliases = json!(["https://todo.example"]);
        let body = json!({"uri": "https://todo.example/mcp", "aliases": aliases});
        house.done("POST", "/api/v1/resources", body.clone()).await;
        let path = "/api/v1/resources/https%3A%2F%2Ftodo.example%2Fmcp";
        house.done("PATCH", path, json!({"aliases": aliases})).await;
        let door = format!("{}/v1", house.gate.issuer());
        for taken in ["https://todo.example/mcp", "https://todo.example/", &door] {
            let body = json!({"uri": "https://more.example",
                "aliases": ["https://free.example", taken]});
            let refused = house.refused("POST", "/api/v1/resources", body).await;
            assert_eq!(refused, refusal(409, "conflict", "aliases[1]"), "{taken}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_by_name() {
        let house = House::new().await;
        let uri = "https://todo.example";
        let cases = [
            (json!({}), "uri"),
            (json!({"uri": "todo"}), "uri"),
            (json!({"uri": "https://todo.example#x"}), "uri"),
            (json!({"uri": uri, "aliases": ["ftp://x"]}), "aliases[0]"),
            (json!({"uri": uri, "scopes": ["a b"]}), "scopes[0]"),
            (json!({"uri": uri, "scopes": ["manage"]}), "scopes[0]"),
        ];
        for (body, param) in cases {
            let refused = house.refused("POST", "/api/v1/resources", body.clone()).await;
            assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
        }
    }
}
