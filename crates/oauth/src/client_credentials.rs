//! An app gets a token for itself (RFC 6749, 4.4).

use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Error, OAuthCode};
use tollgate_store::{ClientKind, ClientRecord};

use crate::issue::{Access, Tokens, issue};
use crate::scopes;

/// Makes a token of which the app itself is the subject. Nothing is written.
pub(crate) fn client_credentials(
    gate: &Gate,
    warrant: &Warrant,
    client: &ClientRecord,
    scope: Option<&str>,
    resource: Option<&str>,
) -> Result<Tokens, Error> {
    if client.kind != ClientKind::Confidential {
        let detail = "An app without a secret gets no token for itself.";
        return Err(Error::oauth(OAuthCode::UnauthorizedClient, detail));
    }
    let resource = scopes::resource(gate, client, resource)?;
    let scope = scopes::granted(client, &resource, scope, false)?.join(" ");
    let subject = client.id.to_string();
    let access = Access { subject, grant: None, resource: &resource.uri, scope, ends: None };
    issue(gate, warrant, client, access)
}
