//! The OpenAPI document of a tool: given by its owner, or fetched from where they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_gate::Gate;
use tollgate_kernel::{Error, Kind, Slug, Timestamp};
use tollgate_protocol::tool::OpenApi;
use tollgate_store::ToolRecord;

/// How long a document that was fetched is not asked for again. Short: hosts read it anew each time
/// they use it, so that changes show.
const FRESH: Duration = Duration::from_secs(10);

/// The documents that were read, by tool.
#[derive(Default)]
pub(crate) struct Documents(Mutex<HashMap<Slug, Arc<Slot>>>);

/// What is known of one tool's document. Its lock is held while it is fetched: others wait.
type Slot = tokio::sync::Mutex<Option<Read>>;

/// A document as it was read.
struct Read {
    /// The version of the tool that it belongs to, and when that was made: one that is made anew
    /// under an old name begins with the first version again.
    of: (i64, Timestamp),
    document: Arc<OpenApi>,
    /// When it may be asked for again; never for one that the owner gave.
    until: Option<Duration>,
}

impl Documents {
    /// The document of `tool`. One that was fetched is fetched again after a while; if it does not
    /// come then, it is as it was.
    pub(crate) async fn of(&self, gate: &Gate, tool: &ToolRecord) -> Result<Arc<OpenApi>, Error> {
        let slot = self.slot(gate, &tool.id);
        let mut slot = slot.lock().await;
        let known = slot.as_ref().filter(|read| read.of == (tool.version, tool.created_at));
        let now = gate.clock().elapsed();
        if let Some(read) = known.filter(|read| read.until.is_none_or(|until| now < until)) {
            return Ok(read.document.clone());
        }
        let before = known.map(|read| read.document.clone());
        let (document, until) = match read(gate, tool).await {
            Ok((document, fetched)) => {
                (Arc::new(document), fetched.then(|| gate.clock().elapsed() + FRESH))
            }
            Err(error) => match before {
                Some(before) => (before, Some(gate.clock().elapsed() + FRESH)),
                None => return Err(error),
            },
        };
        *slot =
            Some(Read { of: (tool.version, tool.created_at), document: document.clone(), until });
        Ok(document)
    }

    /// The place of a tool's document. Those of tools that are gone make room.
    fn slot(&self, gate: &Gate, id: &Slug) -> Arc<Slot> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = all.get(id) {
            return slot.clone();
        }
        all.retain(|known, _| gate.tool(known).is_some());
        all.entry(id.clone()).or_default().clone()
    }
}

/// Reads the document of `tool`, and whether it was fetched.
async fn read(gate: &Gate, tool: &ToolRecord) -> Result<(OpenApi, bool), Error> {
    let unusable = |error: Error| {
        let what =
            format!("The OpenAPI document of {} cannot be used: {}", tool.id, error.detail());
        Error::new(Kind::UpstreamFailed, what)
    };
    if let Some(text) = &tool.openapi {
        return Ok((OpenApi::parse(text.as_bytes()).map_err(unusable)?, false));
    }
    if tool.openapi_url.is_none() {
        let what = format!("The tool {} has no OpenAPI document.", tool.id);
        return Err(Error::new(Kind::NotFound, what));
    }
    let fetched = gate.tool_document(tool).await?;
    Ok((OpenApi::parse(&fetched.body).map_err(unusable)?, true))
}
