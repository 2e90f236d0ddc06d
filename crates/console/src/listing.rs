//! Lists in pages: `{"items": […], "next": cursor or null}`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::shapes::List;
use tollgate_gate::{Gate, Purpose};
use tollgate_kernel::Error;
use tollgate_store::{Page, PageRequest};
use tollgate_vault::HashedToken;

/// How many bytes the seal on a cursor has.
const SEAL: usize = 32;

/// Which part of a list is asked for.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListQuery {
    /// How many items: 1 to 500, 50 unless said.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
}

/// One list, by its name: a cursor of another does not fit.
#[derive(Clone, Copy)]
pub(crate) struct Cursors<'a> {
    gate: &'a Gate,
    list: &'static str,
}

impl<'a> Cursors<'a> {
    /// The cursors of the list called `list`.
    pub(crate) fn new(gate: &'a Gate, list: &'static str) -> Self {
        Self { gate, list }
    }

    /// What the store is asked for. An absurd limit or a cursor that we did not make is refused.
    pub(crate) fn request(self, query: &ListQuery) -> Result<PageRequest, Error> {
        let after = query.cursor.as_deref().map(|cursor| self.open(cursor)).transpose()?;
        Ok(PageRequest { after, ..PageRequest::asked(query.limit)? })
    }

    /// The same for a page of the console: the part after `cursor`, of the usual size.
    pub(crate) fn part(self, cursor: Option<String>) -> Result<PageRequest, Error> {
        self.request(&ListQuery { limit: None, cursor })
    }

    /// A page of records as the API shows it.
    pub(crate) fn list<T, V>(self, page: Page<T>, view: impl Fn(T) -> V) -> List<V> {
        let next = page.next.map(|key| self.seal(&key));
        List { items: page.items.into_iter().map(view).collect(), next }
    }

    /// The part of `all`, sorted by `key`, that `request` asks for.
    pub(crate) fn cut<T>(all: Vec<T>, request: &PageRequest, key: fn(&T) -> String) -> Page<T> {
        let after = request.after.clone().unwrap_or_default();
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let mut rest = all.into_iter().filter(|item| key(item) > after).peekable();
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let next = rest.peek().and_then(|_| items.last().map(key));
        Page { items, next }
    }

    /// The cursor for the key that a page ended with.
    pub(crate) fn seal(self, key: &str) -> String {
        let mut bytes = self.mac(key).as_bytes().to_vec();
        bytes.extend_from_slice(key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key in a cursor of ours.
    pub(crate) fn open(self, cursor: &str) -> Result<String, Error> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            let (seal, key) = bytes.split_at_checked(SEAL)?;
            let key = std::str::from_utf8(key).ok()?;
            let seal = HashedToken::from_bytes(seal).ok()?;
            (self.mac(key) == seal).then(|| key.to_owned())
        };
        read().ok_or_else(PageRequest::strange_cursor)
    }

    fn mac(self, key: &str) -> HashedToken {
        self.gate.mac(Purpose::Cursor, format!("{}\0{key}", self.list).as_bytes())
    }
}
