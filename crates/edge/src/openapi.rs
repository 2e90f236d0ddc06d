//! The OpenAPI 3.1 document, made from the rows: what it says is what is routed.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use tollgate_kernel::Access;

use crate::error::Dialect;
use crate::once;
use crate::route::{Route, Shape};

/// The document for `routes`; `origin` is the public origin, `version` that of the software.
pub fn openapi<'a>(
    routes: impl IntoIterator<Item = &'a Route>,
    origin: &str,
    version: &str,
) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for route in routes {
        let path = route.path.replace("{*", "{");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            let method = route.method.as_str().to_ascii_lowercase();
            item.insert(method, operation(route, &mut schemas));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tollgate", "version": version },
        "servers": [{ "url": origin }],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-tollgate" },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "security": security(route.access),
        "responses": responses(route, schemas),
    });
    let parameters = parameters(route, schemas);
    if let Some(members) = operation.as_object_mut() {
        if !parameters.is_empty() {
            members.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(shape) = route.takes {
            let body = json!({ "required": true, "content": content(route, shape, schemas) });
            members.insert("requestBody".to_owned(), body);
        }
    }
    operation
}

/// `get_api_v1_keys_id` for `GET /api/v1/keys/{id}`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let method = route.method.as_str().to_ascii_lowercase();
    words.fold(method, |id, word| id + "_" + word)
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Page(_) => json!([{ "session": [] }]),
        Access::Api(_) | Access::Models | Access::Connections => {
            json!([{ "bearer": [] }, { "session": [] }])
        }
    }
}

fn parameters(route: &Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?.trim_start_matches('*');
        Some(json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        }))
    });
    let mut list: Vec<Value> = in_path.collect();
    if once::honoured(route) {
        list.push(idempotency_key());
    }
    let Some(shape) = route.asks else { return list };
    let schema = resolved(shape, schemas);
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        list.push(json!({
            "name": name,
            "in": "query",
            "required": required.iter().any(|r| r == name.as_str()),
            "schema": schema,
        }));
    }
    list
}

/// The header by which a request that is sent again is done once.
fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "A text of your own. For a day, the same request with the same key and \
                        credential gets the first answer again, with Idempotent-Replayed: true, \
                        secrets and all. A refusal is not kept. 409: the key was used for another \
                        request, the first one is still being done (Retry-After says so), or it \
                        was done and its answer was lost. 429: as many answers as are kept for \
                        one caller, 1,000, are kept.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
    })
}

/// The schema itself, also where the generator answers with a reference to it.
fn resolved(shape: Shape, schemas: &mut SchemaGenerator) -> Value {
    let schema = shape(schemas).to_value();
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
    match name.and_then(|name| schemas.definitions().get(name)) {
        Some(found) => found.clone(),
        None => schema,
    }
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let answer = match (route.answers, route.dialect) {
        (Some(shape), _) => {
            json!({ "description": "Done", "content": content(route, shape, schemas) })
        }
        (None, Dialect::Html) => json!({ "description": "A page", "content": { "text/html": {} } }),
        (None, _) => json!({ "description": "Done" }),
    };
    let error = match route.dialect {
        Dialect::Problem => "application/problem+json",
        Dialect::OpenAi | Dialect::OAuth | Dialect::Bearer => "application/json",
        Dialect::Html => "text/html",
    };
    json!({
        "2XX": answer,
        "default": { "description": "What went wrong", "content": { error: {} } },
    })
}

/// Forms of pages are sent as browsers do, everything else as JSON.
fn content(route: &Route, shape: Shape, schemas: &mut SchemaGenerator) -> Value {
    let schema = shape(schemas).to_value();
    match route.dialect {
        Dialect::Html => json!({ "application/x-www-form-urlencoded": { "schema": schema } }),
        Dialect::Problem | Dialect::OpenAi | Dialect::OAuth | Dialect::Bearer => {
            json!({ "application/json": { "schema": schema } })
        }
    }
}
