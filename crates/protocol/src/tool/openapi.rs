//! OpenAPI documents 3.0 and 3.1: read as far as we speak of them, and written anew with an address
//! and security of ours. Everything else stays as its author wrote it.

use tollgate_kernel::Error;

use super::Scheme;
use crate::document::Node;

/// The methods that stand in a path of a document.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The longest summary and description that hosts take, in characters.
const LONGEST_TEXT: usize = 200;

/// The most remarks that are made of one document.
const MOST_REMARKS: usize = 100;

/// What the security of a document is called.
const SCHEME_NAME: &str = "tollgate";

/// An OpenAPI document.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenApi(Node);

/// What callers have to send, as OpenAPI says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security<'a> {
    /// Nothing.
    None,
    /// A token in the header `Authorization`.
    Http(Scheme),
    /// A token that people sign in for.
    OAuth {
        /// Where the browser goes.
        authorize_url: &'a str,
        /// Where codes become tokens.
        token_url: &'a str,
        /// Names with spaces between them.
        scope: &'a str,
    },
}

/// Something that hosts may stumble over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// A stable name of it.
    pub code: &'static str,
    /// Where it stands, for example `GET /todos`.
    pub place: String,
}

impl OpenApi {
    /// Reads a document, in JSON or YAML.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let node = Node::parse(bytes)?;
        let version = node.get("openapi").and_then(Node::as_text).unwrap_or_default();
        if node.get("swagger").is_some() {
            let what = "The document is Swagger 2.0. Convert it to OpenAPI 3.0 or 3.1.";
            return Err(Error::invalid(what));
        }
        if !(version == "3.0"
            || version == "3.1"
            || is_of(version, "3.0.")
            || is_of(version, "3.1."))
        {
            let what = "The document is not OpenAPI 3.0 or 3.1: its member openapi says another \
                        version, or is missing.";
            return Err(Error::invalid(what));
        }
        if !matches!(node.get("info"), Some(Node::Object(_))) {
            return Err(Error::invalid("The OpenAPI document has no object info."));
        }
        match node.get("paths") {
            Some(Node::Object(_)) => Ok(Self(node)),
            None if version.starts_with("3.1") => Ok(Self(node)),
            _ => Err(Error::invalid("The OpenAPI document has no object paths.")),
        }
    }

    /// The title; empty where there is none.
    pub fn title(&self) -> &str {
        let title = self.0.get("info").and_then(|info| info.get("title"));
        title.and_then(Node::as_text).unwrap_or_default()
    }

    /// The document in JSON, with `root` as its one server and `security` as what to send.
    pub fn published(&self, root: &str, security: Security<'_>) -> Vec<u8> {
        let mut node = self.0.clone();
        // A number where a text belongs is what YAML makes of `version: 1.0`.
        mend_version(&mut node);
        let server = Node::object([("url", Node::text(root))]);
        node.set("servers", Node::List(vec![server]));
        if let Node::Object(members) = &mut node {
            let paths = members.iter_mut().filter(|(name, _)| name == "paths");
            paths.for_each(|(_, paths)| without_own_servers(paths));
        }
        secure(&mut node, security);
        node.to_json()
    }

    /// What hosts may stumble over, at most 100 of it.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for (path, method, operation) in self.operations() {
            let place = format!("{} {path}", method.to_ascii_uppercase());
            let mut remark = |code| remarks.push(Remark { code, place: place.clone() });
            if operation.get("operationId").is_none() {
                remark("operation_id_missing");
            }
            if is_long(operation, "summary") || is_long(operation, "description") {
                remark("operation_text_long");
            }
            let parameters = operation.get("parameters").map(Node::items).unwrap_or_default();
            if parameters.iter().any(|parameter| is_long(parameter, "description")) {
                remark("parameter_text_long");
            }
        }
        remarks.truncate(MOST_REMARKS);
        remarks
    }

    /// How many operations there are.
    pub fn operation_count(&self) -> usize {
        self.operations().count()
    }

    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Node)> {
        let paths = self.0.get("paths").map(Node::members).unwrap_or_default();
        paths.iter().flat_map(|(path, item)| {
            let of_item = item.members().iter();
            of_item
                .filter(|(name, _)| METHODS.contains(&name.as_str()))
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }
}

fn is_of(version: &str, begins: &str) -> bool {
    let patch = version.strip_prefix(begins).unwrap_or_default();
    patch.starts_with(|c: char| c.is_ascii_digit())
}

fn is_long(node: &Node, member: &str) -> bool {
    let text = node.get(member).and_then(Node::as_text).unwrap_or_default();
    text.chars().count() > LONGEST_TEXT
}

fn mend_version(node: &mut Node) {
    let Node::Object(members) = node else { return };
    let Some((_, info)) = members.iter_mut().find(|(name, _)| name == "info") else { return };
    if let Some(Node::Number(number)) = info.get("version") {
        let text = number.to_string();
        info.set("version", Node::Text(text));
    }
}

/// Servers and security of paths and operations stand before those of the document: they go.
fn without_own_servers(paths: &mut Node) {
    let Node::Object(paths) = paths else { return };
    for (_, item) in paths {
        item.remove("servers");
        let Node::Object(members) = item else { continue };
        let operations = members.iter_mut().filter(|(name, _)| METHODS.contains(&name.as_str()));
        for (_, operation) in operations {
            operation.remove("servers");
            operation.remove("security");
        }
    }
}

fn secure(node: &mut Node, security: Security<'_>) {
    let mut components = node.get("components").cloned().unwrap_or(Node::Object(Vec::new()));
    components.remove("securitySchemes");
    let (scheme, scopes) = match security {
        Security::None => (None, Vec::new()),
        Security::Http(scheme) => (Some(http_scheme(scheme)), Vec::new()),
        Security::OAuth { authorize_url, token_url, scope } => {
            let scopes: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
            (Some(oauth_scheme(authorize_url, token_url, &scopes)), scopes)
        }
    };
    let Some(scheme) = scheme else {
        node.remove("security");
        if node.get("components").is_some() {
            node.set("components", components);
        }
        return;
    };
    components.set("securitySchemes", Node::object([(SCHEME_NAME, scheme)]));
    node.set("components", components);
    let scopes = scopes.into_iter().map(Node::text).collect();
    node.set("security", Node::List(vec![Node::object([(SCHEME_NAME, Node::List(scopes))])]));
}

fn http_scheme(scheme: Scheme) -> Node {
    let scheme = match scheme {
        Scheme::Bearer => "bearer",
        Scheme::Basic => "basic",
    };
    Node::object([("type", Node::text("http")), ("scheme", Node::text(scheme))])
}

fn oauth_scheme(authorize_url: &str, token_url: &str, scopes: &[&str]) -> Node {
    let scopes = scopes.iter().map(|scope| ((*scope).to_owned(), Node::text(*scope))).collect();
    let flow = Node::object([
        ("authorizationUrl", Node::text(authorize_url)),
        ("tokenUrl", Node::text(token_url)),
        ("refreshUrl", Node::text(token_url)),
        ("scopes", Node::Object(scopes)),
    ]);
    let flows = Node::object([("authorizationCode", flow)]);
    Node::object([("type", Node::text("oauth2")), ("flows", flows)])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TODO: &str = "
openapi: 3.0.1
info: {title: Todo, version: 1.0, x-note: kept}
servers: [{url: 'http://127.0.0.1:9000'}]
security: [{old: []}]
paths:
  /todos:
    servers: [{url: 'http://elsewhere.example'}]
    get:
      operationId: list
      security: []
      servers: [{url: 'http://elsewhere.example'}]
      responses: {200: {description: All}}
    parameters: []
components:
  schemas: {Todo: {type: object}}
  securitySchemes: {old: {type: apiKey, in: header, name: X-Key}}
x-more: [1, 2]
";

    fn published(text: &str, security: Security<'_>) -> Value {
        let document = OpenApi::parse(text.as_bytes()).unwrap();
        serde_json::from_slice(&document.published("https://todo.example", security)).unwrap()
    }

    #[test]
    fn servers_and_security_are_ours_and_all_else_is_kept() {
        let expected = json!({
            "openapi": "3.0.1",
            "info": {"title": "Todo", "version": "1.0", "x-note": "kept"},
            "servers": [{"url": "https://todo.example"}],
            "paths": {"/todos": {
                "get": {"operationId": "list", "responses": {"200": {"description": "All"}}},
                "parameters": []
            }},
            "components": {"schemas": {"Todo": {"type": "object"}}},
            "x-more": [1, 2],
        });
        assert_eq!(published(TODO, Security::None), expected);
        let json_text = serde_json::to_string(&expected).unwrap();
        assert_eq!(published(&json_text, Security::None), expected);
    }

    #[test]
    fn each_mode_has_its_security() {
        let bearer = published(TODO, Security::Http(Scheme::Bearer));
        assert_eq!(
            bearer["components"]["securitySchemes"],
            json!({"tollgate": {"type": "http", "scheme": "bearer"}})
        );
        assert_eq!(bearer["security"], json!([{"tollgate": []}]));
        assert_eq!(bearer["components"]["schemas"], json!({"Todo": {"type": "object"}}));
        let oauth = published(
            TODO,
            Security::OAuth {
                authorize_url: "https://a/x",
                token_url: "https://a/t",
                scope: "r w",
            },
        );
        assert_eq!(oauth["security"], json!([{"tollgate": ["r", "w"]}]));
        let flow =
            &oauth["components"]["securitySchemes"]["tollgate"]["flows"]["authorizationCode"];
        assert_eq!(flow["tokenUrl"], "https://a/t");
        assert_eq!(flow["scopes"], json!({"r": "r", "w": "w"}));
    }

    #[test]
    fn what_is_no_openapi_is_refused() {
        for bad in [
            "openapi: 2.0\ninfo: {}\npaths: {}",
            "swagger: '2.0'\ninfo: {}\npaths: {}",
            "openapi: 3.2.0\ninfo: {}\npaths: {}",
            "openapi: 3.0.x\ninfo: {}\npaths: {}",
            "openapi: 3.0.1\npaths: {}",
            "openapi: 3.0.1\ninfo: {}",
            "openapi: 3.0.1\ninfo: {}\npaths: []",
            "[]",
            "<html></html>",
        ] {
            assert!(OpenApi::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(OpenApi::parse(b"openapi: 3.1.0\ninfo: {}\n").is_ok());
    }

    #[test]
    fn what_hosts_stumble_over_is_remarked() {
        let long = "x".repeat(201);
        let post = format!("summary: {long}\n      parameters: [{{description: {long}}}]\n");
        let text =
            "openapi: 3.0.1\ninfo: {}\npaths:\n  /a:\n    get: {operationId: a}\n    post:\n";
        let text = format!("{text}      {post}");
        let document = OpenApi::parse(text.as_bytes()).unwrap();
        let remark = |code| Remark { code, place: "POST /a".to_owned() };
        assert_eq!(document.operation_count(), 2);
        assert_eq!(
            document.remarks(),
            ["operation_id_missing", "operation_text_long", "parameter_text_long"].map(remark)
        );
    }
}
