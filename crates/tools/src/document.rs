//! The OpenAPI document of a tool: given by its owner, or fetched from where they say.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tollgate_gate::Gate;
use tollgate_kernel::{Error, Kind, Slug, Timestamp};
use tollgate_protocol::tool::OpenApi;
use tollgate_store::ToolRecord;

/// How long a document that was fetched is not asked for again. Short: hosts read it anew each time
/// they use it, so that changes show.
const FRESH: Duration = Duration::from_secs(10);

/// The largest document that is kept as it is published, in bytes; larger ones are written anew
/// each time.
const KEPT_MAX: usize = 1024 * 1024;

/// At how many roots a document is kept as it is published there: a tool has a name and a path.
const ROOTS_MAX: usize = 4;

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
    /// As it is published, by root.
    written: Vec<(String, Written)>,
}

/// A document as it is published at a root.
#[derive(Clone)]
pub(crate) struct Written {
    /// JSON.
    pub(crate) bytes: Bytes,
    /// What tells it from others (RFC 9110, 8.8.3).
    pub(crate) etag: HeaderValue,
}

impl Written {
    fn new(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let etag = format!("\"{:x}-{:016x}\"", bytes.len(), hasher.finish());
        let etag = HeaderValue::try_from(etag).map_err(Error::internal)?;
        Ok(Self { bytes: bytes.into(), etag })
    }
}

impl Documents {
    /// The document of `tool`. One that was fetched is fetched again after a while; if it does not
    /// come then, it is as it was.
    pub(crate) async fn of(&self, gate: &Gate, tool: &ToolRecord) -> Result<Arc<OpenApi>, Error> {
        let mut slot = self.slot(gate, &tool.id).lock_owned().await;
        Ok(fresh(&mut slot, gate, tool).await?.document.clone())
    }

    /// The document of `tool` as `write` writes it for `root`: once, and then as it was written as
    /// long as tool and document are what they were.
    pub(crate) async fn written(
        &self,
        gate: &Gate,
        tool: &ToolRecord,
        root: &str,
        write: impl FnOnce(&OpenApi) -> Vec<u8>,
    ) -> Result<Written, Error> {
        let mut slot = self.slot(gate, &tool.id).lock_owned().await;
        let read = fresh(&mut slot, gate, tool).await?;
        if let Some((_, written)) = read.written.iter().find(|(at, _)| at == root) {
            return Ok(written.clone());
        }
        let written = Written::new(write(&read.document))?;
        if written.bytes.len() <= KEPT_MAX && read.written.len() < ROOTS_MAX {
            read.written.push((root.to_owned(), written.clone()));
        }
        Ok(written)
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

/// What is known of the document of `tool`, not older than it may be; as it was where it does not
/// come.
async fn fresh<'a>(
    slot: &'a mut Option<Read>,
    gate: &Gate,
    tool: &ToolRecord,
) -> Result<&'a mut Read, Error> {
    let of = (tool.version, tool.created_at);
    let now = gate.clock().elapsed();
    let good = |read: &Read| read.of == of && read.until.is_none_or(|until| now < until);
    if !slot.as_ref().is_some_and(good) {
        let read = read(gate, tool).await;
        let again = gate.clock().elapsed() + FRESH;
        let renewed = match (read, slot.take().filter(|before| before.of == of)) {
            (Ok((document, fetched)), _) => {
                let (document, until) = (Arc::new(document), fetched.then_some(again));
                Read { of, document, until, written: Vec::new() }
            }
            (Err(_), Some(before)) => Read { until: Some(again), ..before },
            (Err(error), None) => return Err(error),
        };
        *slot = Some(renewed);
    }
    slot.as_mut().ok_or_else(|| Error::internal("a document that was read is not there"))
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
