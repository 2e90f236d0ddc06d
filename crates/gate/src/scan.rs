//! The second net: our own key in an upstream's answer is found, also cut across chunks, and stops
//! it.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use tollgate_kernel::{Error, Kind, Secret};

/// Keys shorter than this are no secrets worth looking for, and would be found everywhere.
const SHORTEST: usize = 8;

/// Looks for one secret in a stream of bytes.
pub(crate) struct SecretScan {
    needle: Option<Secret>,
    /// Bytes at the end of what was given out so far that may be the beginning of the secret.
    carry: BytesMut,
}

impl SecretScan {
    /// A scan for `secret`.
    pub(crate) fn new(secret: Option<&Secret>) -> Self {
        let needle = secret.filter(|secret| secret.expose().len() >= SHORTEST).cloned();
        Self { needle, carry: BytesMut::new() }
    }

    /// Whether `bytes`, by themselves, hold the secret.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let needle = self.needle.as_ref();
        needle.is_some_and(|needle| Finder::new(needle.expose()).find(bytes).is_some())
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
        let keep = beginning_at_end(&data, needle.expose().as_bytes());
        let kept = data.split_off(data.len() - keep);
        self.carry.extend_from_slice(&kept);
        Ok(data)
    }

    /// Whether the secret is in the text of a stream that goes on with `said`, for text that is cut
    /// into events. (What several answers say in turns is not told apart.)
    pub(crate) fn continues(&mut self, said: &[u8]) -> bool {
        let Some(needle) = self.needle.as_ref().map(|needle| needle.expose().as_bytes()) else {
            return false;
        };
        if self.carry.is_empty() {
            // As good as always: nothing of the secret came before.
            let from = said.len() - beginning_at_end(said, needle);
            self.carry.extend_from_slice(said.get(from..).unwrap_or_default());
            return false;
        }
        self.carry.extend_from_slice(said);
        if Finder::new(needle).find(&self.carry).is_some() {
            return true;
        }
        let keep = beginning_at_end(&self.carry, needle);
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

    fn run(text: &str, cuts: &[usize]) -> Result<Vec<u8>, Error> {
        let mut scan = SecretScan::new(Some(&Secret::new(KEY.to_owned())));
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
            let mut scan = SecretScan::new(Some(&Secret::new(KEY.to_owned())));
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
