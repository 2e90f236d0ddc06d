//! The second net: our own key in an upstream's answer is found, also cut across chunks, and stops
//! it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use tollgate_kernel::{Error, Kind, Secret};

/// Keys shorter than this are no secrets worth looking for, and would be found everywhere.
const SHORTEST: usize = 8;

/// A secret that is worth looking for, ready to be found.
pub(crate) struct Needle {
    secret: Secret,
    finder: Finder<'static>,
}

impl Needle {
    /// `secret`, unless it is too short.
    pub(crate) fn of(secret: &Secret) -> Option<Arc<Self>> {
        let text = secret.expose();
        (text.len() >= SHORTEST).then(|| {
            Arc::new(Self { secret: secret.clone(), finder: Finder::new(text).into_owned() })
        })
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.finder.find(bytes).is_some()
    }

    fn bytes(&self) -> &[u8] {
        self.secret.expose().as_bytes()
    }
}

/// Looks for one secret in a stream of bytes.
pub(crate) struct SecretScan {
    needle: Option<Arc<Needle>>,
    /// Bytes at the end of what was given out so far that may be the beginning of the secret.
    carry: BytesMut,
}

impl SecretScan {
    /// A scan for `needle`.
    pub(crate) fn new(needle: Option<&Arc<Needle>>) -> Self {
        Self { needle: needle.cloned(), carry: BytesMut::new() }
    }

    /// Whether `bytes`, by themselves, hold the secret.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.needle.as_ref().is_some_and(|needle| needle.is_in(bytes))
    }

    /// Whether `json`, by itself, holds the secret, as it is or in the escapes of a string.
    pub(crate) fn is_in_json(&self, json: &[u8]) -> bool {
        self.is_in(json)
            || (self.needle.is_some()
                && memchr::memchr(b'\\', json).is_some()
                && self.is_in(&Unescape::default().piece(json)))
    }

    /// The part of the stream so far that may be given out; what may be the beginning of the secret
    /// is kept until more is known.
    pub(crate) fn pass(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let Some(needle) = &self.needle else {
            return Ok(chunk);
        };
        let mut data = chunk;
        if !self.carry.is_empty() {
            let mut joined = std::mem::take(&mut self.carry);
            joined.extend_from_slice(&data);
            data = joined.freeze();
        }
        if self.is_in(&data) {
            return Err(leak());
        }
        let keep = beginning_at_end(&data, needle.bytes());
        if keep > 0 {
            self.carry.extend_from_slice(&data.split_off(data.len() - keep));
        }
        Ok(data)
    }

    /// Whether the secret is in the text of a stream that goes on with `said`, for text that is cut
    /// into events. (What several answers say in turns is not told apart.)
    pub(crate) fn continues(&mut self, said: &[u8]) -> bool {
        let Some(needle) = &self.needle else { return false };
        if self.carry.is_empty() {
            // As good as always: nothing of the secret came before.
            let from = said.len() - beginning_at_end(said, needle.bytes());
            self.carry.extend_from_slice(said.get(from..).unwrap_or_default());
            return false;
        }
        self.carry.extend_from_slice(said);
        if needle.is_in(&self.carry) {
            return true;
        }
        let keep = beginning_at_end(&self.carry, needle.bytes());
        self.carry = self.carry.split_off(self.carry.len() - keep);
        false
    }

    /// How many bytes are kept until more is known.
    pub(crate) fn kept(&self) -> u64 {
        u64::try_from(self.carry.len()).unwrap_or(u64::MAX)
    }

    /// What is left when the stream has ended.
    pub(crate) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.carry).freeze()
    }
}

/// Looks for one secret behind the escapes of a JSON text that comes in pieces.
pub(crate) struct EscapedScan {
    scan: SecretScan,
    escapes: Unescape,
}

impl EscapedScan {
    /// A scan for `needle`.
    pub(crate) fn new(needle: Option<&Arc<Needle>>) -> Self {
        Self { scan: SecretScan::new(needle), escapes: Unescape::default() }
    }

    /// Whether the secret is in the text that goes on with `piece`. What is there without escapes
    /// is for [`SecretScan::pass`] to find.
    pub(crate) fn continues(&mut self, piece: &[u8]) -> bool {
        if self.scan.needle.is_none() {
            return false;
        }
        if self.escapes.is_between() && memchr::memchr(b'\\', piece).is_none() {
            return self.scan.continues(piece);
        }
        let text = self.escapes.piece(piece);
        self.scan.is_in(&text) || self.scan.continues(&text)
    }
}

/// Resolves the escapes of JSON strings. Outside of strings JSON has no backslash, so that the
/// whole text can be read as one.
#[derive(Default)]
enum Unescape {
    /// Between two characters.
    #[default]
    Between,
    /// After a backslash.
    Begun,
    /// After `\u`: the value so far, and how many digits are to come.
    Digits(u32, u8),
}

impl Unescape {
    fn is_between(&self) -> bool {
        matches!(self, Self::Between)
    }

    /// The text of `piece`. An escape that it breaks off in is resolved with the next piece.
    fn piece(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(piece.len());
        for byte in piece {
            *self = match (&*self, *byte) {
                (Self::Between, b'\\') => Self::Begun,
                (Self::Begun, b'u') => Self::Digits(0, 4),
                (Self::Digits(value, left), digit) => {
                    let value = value * 16 + char::from(digit).to_digit(16).unwrap_or(0);
                    if *left > 1 {
                        Self::Digits(value, left - 1)
                    } else {
                        // Half a pair is no text; keys have none of it.
                        let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                        Self::Between
                    }
                }
                (Self::Begun, byte) => {
                    // Keys have no control characters, so that these may stay letters.
                    text.push(byte);
                    Self::Between
                }
                (Self::Between, byte) => {
                    text.push(byte);
                    Self::Between
                }
            };
        }
        text
    }
}

/// An answer that held our own secret.
pub(crate) fn leak() -> Error {
    Error::new(
        Kind::UpstreamFailed,
        "The model provider's answer was stopped because it held a secret of this server. The \
         owner has been told.",
    )
}

/// How many bytes at the end of `data` are a beginning of `needle`, though not all of it.
fn beginning_at_end(data: &[u8], needle: &[u8]) -> usize {
    let Some(first) = needle.first() else {
        return 0;
    };
    let from = data.len().saturating_sub(needle.len() - 1);
    let tail = data.get(from..).unwrap_or_default();
    memchr::memchr_iter(*first, tail)
        .map(|at| tail.get(at..).unwrap_or_default())
        .find(|end| needle.starts_with(end))
        .map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "sk-canary-0123456789";

    fn needle(secret: &str) -> Option<Arc<Needle>> {
        Needle::of(&Secret::new(secret.to_owned()))
    }

    fn run(text: &str, cuts: &[usize]) -> Result<Vec<u8>, Error> {
        let mut scan = SecretScan::new(needle(KEY).as_ref());
        let mut out = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().map(|cut| cut % (text.len() + 1)) {
            if cut > from {
                out.extend(scan.pass(Bytes::copy_from_slice(&text.as_bytes()[from..cut]))?);
                from = cut;
            }
        }
        out.extend(scan.pass(Bytes::copy_from_slice(&text.as_bytes()[from..]))?);
        out.extend(scan.rest());
        Ok(out)
    }

    #[test]
    fn m13_a_slash_of_a_secret_may_be_escaped() {
        let key = needle("sk/canary/0123456789");
        let body = br#"{"error":{"message":"no such key: sk\/canary\/0123456789"}}"#;
        assert!(!SecretScan::new(key.as_ref()).is_in(body));
        assert!(SecretScan::new(key.as_ref()).is_in_json(body));
        assert!(EscapedScan::new(key.as_ref()).continues(body));
        assert!(!EscapedScan::new(None).continues(body));
    }

    proptest! {
        #[test]
        fn m13_a_secret_is_found_however_it_is_cut(
            before in "[sk\\-a-c]{0,30}", after in "[sk\\-a-c]{0,30}",
            mut cuts in proptest::collection::vec(0_usize..80, 0..6),
        ) {
            cuts.sort_unstable();
            let text = format!("{before}{KEY}{after}");
            prop_assert!(run(&text, &cuts).is_err());
        }

        #[test]
        fn m13_a_secret_is_found_in_text_that_is_cut_into_events(
            before in "[sk\\-a-c]{0,30}", after in "[sk\\-a-c]{0,30}",
            cuts in proptest::collection::vec(1_usize..KEY.len(), 1..40),
            hidden in any::<bool>(),
        ) {
            let text = if hidden { format!("{before}{KEY}{after}") } else { before + &after };
            let mut scan = SecretScan::new(needle(KEY).as_ref());
            let (mut rest, mut found) = (text.as_bytes(), false);
            for cut in cuts.iter().cycle().take(2 * text.len()) {
                let (piece, more) = rest.split_at(rest.len().min(*cut));
                // A piece that holds all of it is found before.
                found |= scan.continues(piece);
                rest = more;
            }
            prop_assert_eq!(found, hidden);
        }

        #[test]
        fn m13_a_secret_is_found_behind_the_escapes_of_json(
            before in "[sk\\-a-c]{0,30}", after in "[sk\\-a-c]{0,30}",
            escaped in proptest::collection::vec(any::<bool>(), KEY.len()),
            cuts in proptest::collection::vec(1_usize..40, 1..40),
            hidden in any::<bool>(),
        ) {
            let mut body = format!("{{\"a\":\"\\n\\\\{before}");
            for (c, escaped) in KEY.chars().zip(escaped).filter(|_| hidden) {
                if escaped {
                    body.push_str(&format!("\\u{:04X}", u32::from(c)));
                } else {
                    body.push(c);
                }
            }
            body.push_str(&format!("{after}\\u00e9\"}}"));
            let key = needle(KEY);
            prop_assert_eq!(SecretScan::new(key.as_ref()).is_in_json(body.as_bytes()), hidden);
            let mut plain = SecretScan::new(key.as_ref());
            let mut scan = EscapedScan::new(key.as_ref());
            let (mut rest, mut found) = (body.as_bytes(), false);
            for cut in cuts.iter().cycle().take(body.len()) {
                let (piece, more) = rest.split_at(rest.len().min(*cut));
                found |= plain.pass(Bytes::copy_from_slice(piece)).is_err();
                found |= scan.continues(piece);
                rest = more;
            }
            prop_assert_eq!(found, hidden);
        }

        #[test]
        fn what_holds_no_secret_passes_unchanged(
            text in "[sk\\-canry0-4]{0,80}",
            mut cuts in proptest::collection::vec(0_usize..80, 0..6),
        ) {
            prop_assume!(!text.contains(KEY));
            cuts.sort_unstable();
            prop_assert_eq!(run(&text, &cuts).ok(), Some(text.into_bytes()));
        }
    }
}
