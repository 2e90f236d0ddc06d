//! The one key from which all others are derived.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_kernel::{Error, Rng, Secret};
use zeroize::Zeroizing;

/// 32 random bytes that everything else hangs on. Whoever has them and the database has all
/// secrets; whoever loses them loses what was sealed. Reading and writing the file is the server's.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A new key from `rng`.
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill(&mut *bytes);
        Self(bytes)
    }

    /// Reads a key of exactly 32 bytes: 64 hexadecimal digits, or base64url of 43 characters (one
    /// `=` at the end is tolerated). White space around it, such as a file's last line feed, does
    /// not count. The error tells the length that was found, never a character of the key.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; 32]);
        let read = match text.len() {
            64 => read_hex(text, &mut bytes),
            43 | 44 => read_base64url(text, &mut bytes),
            _ => None,
        };
        read.map(|()| Self(bytes)).ok_or_else(|| {
            Error::invalid(format!(
                "a master key is 32 bytes, as 64 hexadecimal digits or 43 characters of base64url; \
                 this one has {} characters. Make one with: openssl rand -hex 32",
                text.chars().count()
            ))
            .with_param("master_key")
        })
    }

    /// The key as base64url, for the key file and for nothing else.
    pub fn to_text(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn read_hex(text: &str, out: &mut [u8; 32]) -> Option<()> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    for (out, [high, low]) in out.iter_mut().zip(pairs) {
        *out = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn read_base64url(text: &str, out: &mut [u8; 32]) -> Option<()> {
    let text = if text.len() == 44 { text.strip_suffix('=')? } else { text };
    let read = URL_SAFE_NO_PAD.decode_slice(text, out).ok()?;
    (read == out.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_kernel::SeededRng;

    fn bytes(text: &str) -> Option<[u8; 32]> {
        MasterKey::from_text(text).ok().map(|key| *key.bytes())
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = MasterKey::generate(&SeededRng::new(1));
        let text = key.to_text();
        assert_eq!(text.expose().len(), 43);
        assert_eq!(bytes(text.expose()), Some(*key.bytes()));
        assert_eq!(bytes(&format!("  {}\r\n", text.expose())), Some(*key.bytes()));
        assert_eq!(bytes(&format!("{}=", text.expose())), Some(*key.bytes()));
        let other = MasterKey::generate(&SeededRng::new(2));
        assert_ne!(other.bytes(), key.bytes());
    }

    #[test]
    fn hexadecimal_is_read_in_both_cases() {
        let mut expected = [0xab; 32];
        expected[0] = 0x09;
        let text = format!("09{}", "aB".repeat(31));
        assert_eq!(bytes(&text), Some(expected));
    }

    #[test]
    fn j18_what_is_not_32_bytes_is_refused_without_showing_it() {
        let long = "s".repeat(45);
        let bad_hex = "0g".repeat(32);
        let bad_base64 = "+".repeat(43);
        // 43 characters carry 258 bits; the last two must be zero, or one key has four spellings.
        let loose = format!("{}B", "A".repeat(42));
        let umlauts = "ä".repeat(32);
        for text in ["", "secret", &long, &bad_hex, &bad_base64, &loose, &umlauts] {
            let error = MasterKey::from_text(text).err();
            let detail = error.as_ref().map(|error| error.detail().to_owned());
            let detail = detail.unwrap_or_default();
            assert!(detail.contains("32 bytes"), "{text:?}: {detail:?}");
            assert!(text.is_empty() || !detail.contains(text), "the key is in {detail:?}");
        }
    }
}
