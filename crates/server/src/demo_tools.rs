//! The demo's todo API as a tool, once for each way of saying who calls.

use http::Method;
use serde_json::{Value, json};

use crate::ask::Asker;
use crate::demo_todo::DemoTodo;
use crate::exit::Exit;

/// A tool of the demo, and the line that calls it.
pub(crate) struct Offered {
    /// Its name.
    pub(crate) id: &'static str,
    /// How it is known who calls.
    pub(crate) mode: &'static str,
    /// Who may call, in a few words.
    pub(crate) who: &'static str,
    /// Where it is, with a name of its own.
    pub(crate) address: String,
    /// What to type to call it.
    pub(crate) line: String,
}

impl Offered {
    /// It as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({ "id": self.id, "address": self.address, "try": self.line })
    }
}

/// Name, mode, and who may call.
const TOOLS: [(&str, &str, &str); 4] = [
    ("todo-none", "none", "anybody"),
    ("todo-service", "service_http", "a service, with a token of its own"),
    ("todo-user", "user_http", "a person, with a key for this tool alone"),
    ("todo-oauth", "oauth", "a person who signs in, with an access token"),
];

/// Offers the todo API in its four modes, and gives a credential of `user` for each.
pub(crate) async fn offer(
    admin: &mut Asker,
    origin: &str,
    todo: &DemoTodo,
    user: &str,
) -> Result<Vec<Offered>, Exit> {
    let mut offered = Vec::new();
    for (id, mode, who) in TOOLS {
        let body = json!({
            "id": id,
            "upstream_url": todo.url(),
            "openapi_url": format!("{}/openapi.yaml", todo.url()),
            "auth": { "type": mode },
            "manifest": {
                "name_for_human": "Todo",
                "description_for_human": "A list of things to do.",
                "description_for_model": "Lists, adds and removes things to do for the user.",
            },
        });
        let made = admin.json(Method::POST, "/api/v1/tools", Some(&body)).await?;
        let address = text(&made, "address");
        let mut line = format!("curl {origin}/tools/{id}/todos");
        if let Some(credential) = credential(admin, id, mode, &address, user).await? {
            line = format!("{line} -H 'Authorization: Bearer {credential}'");
        }
        offered.push(Offered { id, mode, who, address, line });
    }
    Ok(offered)
}

/// What a caller sends, if anything.
async fn credential(
    admin: &mut Asker,
    id: &str,
    mode: &str,
    address: &str,
    user: &str,
) -> Result<Option<String>, Exit> {
    let (path, body, member) = match mode {
        "service_http" => {
            (format!("/api/v1/tools/{id}/service-tokens"), json!({ "service": "demo" }), "token")
        }
        "user_http" => {
            let body = json!({ "name": id, "user": user, "tool": id });
            ("/api/v1/keys".to_owned(), body, "key")
        }
        "oauth" => {
            let body = json!({ "audience": address, "user": user, "expires_in": 3_600 });
            ("/api/v1/tokens".to_owned(), body, "access_token")
        }
        _ => return Ok(None),
    };
    let made = admin.json(Method::POST, &path, Some(&body)).await?;
    Ok(Some(text(&made, member)))
}

/// A member that is text; nothing where it is not there.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
