//! The rows themselves.

use tollgate_edge::{inventory, loose_schemas};
use tollgate_kernel::Access;

use crate::routes::unbound;

#[test]
fn no_body_and_no_query_takes_unknown_members() {
    assert_eq!(loose_schemas(&unbound()), Vec::<String>::new());
}

#[test]
fn what_is_open_to_everybody_is_known() {
    let open: Vec<String> = inventory(&unbound())
        .into_iter()
        .filter(|(_, _, access)| *access == Access::Public)
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(
        open,
        [
            "GET /callback/{provider}",
            "GET /link/{token}",
            "POST /link/{token}",
            "GET /login",
            "POST /login",
            "GET /login/{provider}",
            "GET /logout",
            "POST /logout",
            "POST /password-strength",
            "GET /setup",
            "POST /setup",
            "GET /signup",
            "POST /signup",
        ]
    );
}
