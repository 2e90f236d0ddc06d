//! The format of our own keys and tokens.
//!
//! `tg_<type>_<43 of base62><6 of base62>`: 256 random bits, then the CRC-32 of everything before
//! it. The prefix lets scanners find leaked keys; the checksum lets a garbled or invented key be
//! refused without asking the store. Neither says that a key exists.

use tollgate_kernel::{PlainToken, Rng};
use zeroize::Zeroizing;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "tg_";
const RANDOM_BYTES: usize = 32;
/// 62^43 is just above 2^256.
const RANDOM_DIGITS: usize = 43;
/// 62^6 is above 2^32.
const CHECKSUM_DIGITS: usize = 6;

/// The most characters that a key or token of ours has.
pub const MAX_LEN: usize = PREFIX.len() + TokenType::LONGEST + 1 + RANDOM_DIGITS + CHECKSUM_DIGITS;

/// What a key or token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// A person's API key.
    User,
    /// An app's API key.
    App,
    /// A service's key with rights of management.
    Admin,
    /// A tool's service token.
    Tool,
    /// A browser's session.
    Session,
    /// The one-time link that makes the first owner.
    Setup,
    /// A one-time link: sign-in, reset, invitation.
    Link,
    /// An app's secret at the token endpoint.
    Secret,
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
}

impl TokenType {
    /// All types.
    pub const ALL: [Self; 10] = [
        Self::User,
        Self::App,
        Self::Admin,
        Self::Tool,
        Self::Session,
        Self::Setup,
        Self::Link,
        Self::Secret,
        Self::Code,
        Self::Refresh,
    ];

    const LONGEST: usize = "session".len();

    /// The name inside the token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
            Self::Admin => "admin",
            Self::Tool => "tool",
            Self::Session => "session",
            Self::Setup => "setup",
            Self::Link => "link",
            Self::Secret => "secret",
            Self::Code => "code",
            Self::Refresh => "refresh",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A new token of `kind` with 256 bits from `rng`.
pub fn mint(kind: TokenType, rng: &dyn Rng) -> PlainToken {
    let mut random = Zeroizing::new([0_u8; RANDOM_BYTES]);
    rng.fill(random.as_mut_slice());
    // Reserved in full, so that growing leaves no copy of the secret behind.
    let mut text = String::with_capacity(MAX_LEN);
    text.push_str(PREFIX);
    text.push_str(kind.as_str());
    text.push('_');
    for _ in 0..RANDOM_DIGITS {
        text.push(digit(divide_by_62(&mut random)));
    }
    let sum = checksum(text.as_bytes());
    text.extend(sum.map(char::from));
    PlainToken::new(text)
}

/// The type of a well-formed token: prefix, length, alphabet and checksum are right. `None` for any
/// other text. Looks at no more than [`MAX_LEN`] characters and allocates nothing.
pub fn parse(text: &str) -> Option<TokenType> {
    if text.len() > MAX_LEN {
        return None;
    }
    let (name, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let kind = TokenType::named(name)?;
    let well_formed = secret.len() == RANDOM_DIGITS + CHECKSUM_DIGITS
        && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    if !well_formed {
        return None;
    }
    let (body, sum) = text.as_bytes().split_last_chunk::<CHECKSUM_DIGITS>()?;
    (checksum(body) == *sum).then_some(kind)
}

/// Divides the big-endian number in place and returns the remainder.
fn divide_by_62(number: &mut [u8; RANDOM_BYTES]) -> u32 {
    let mut rest = 0_u32;
    for byte in number.iter_mut() {
        let part = rest << 8 | u32::from(*byte);
        *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
        rest = part % 62;
    }
    rest
}

/// CRC-32 (ISO-HDLC) of `bytes` in base62, the most significant digit first.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    let mut rest = crc32fast::hash(bytes);
    let mut digits = [b'0'; CHECKSUM_DIGITS];
    for place in digits.iter_mut().rev() {
        *place = u8::try_from(digit(rest % 62)).unwrap_or(b'0');
        rest /= 62;
    }
    digits
}

fn digit(value: u32) -> char {
    let at = usize::try_from(value).unwrap_or(usize::MAX);
    BASE62.get(at).map_or('0', |b| char::from(*b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_kernel::{Rng, SeededRng};

    use super::*;

    #[test]
    fn the_format_is_fixed() {
        struct Ones;
        impl Rng for Ones {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0xff);
            }
        }
        // 2^256 - 1, the least significant digit first.
        assert_eq!(
            mint(TokenType::User, &Ones).expose(),
            "tg_user_1pX8wOr5j2ACunjH7GLL8mWZWHmY1LA1ZO6Adwksjhy3JS3BF"
        );
        assert_eq!(&checksum(b"123456789"), b"3jZRME", "0xCBF43926 in base62");
    }

    #[test]
    fn names_and_types_belong_together() {
        for kind in TokenType::ALL {
            let token = mint(kind, &SeededRng::new(7));
            assert_eq!(parse(token.expose()), Some(kind));
            assert!(token.expose().starts_with(&format!("tg_{}_", kind.as_str())));
            assert!(token.expose().len() <= MAX_LEN);
        }
    }

    #[test]
    fn k_a_hundred_thousand_random_strings_are_refused() {
        let rng = SeededRng::new(42);
        let mut noise = [0_u8; 49];
        for round in 0..100_000_usize {
            rng.fill(&mut noise);
            let text: String =
                noise.iter().map(|b| char::from(BASE62[usize::from(*b) % 62])).collect();
            let name = TokenType::ALL[round % TokenType::ALL.len()].as_str();
            assert_eq!(parse(&format!("tg_{name}_{text}")), None, "round {round}");
            assert_eq!(parse(&text), None);
        }
    }

    fn kinds() -> impl Strategy<Value = TokenType> {
        proptest::sample::select(TokenType::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn what_is_minted_is_parsed(kind in kinds(), seed in any::<u64>()) {
            let token = mint(kind, &SeededRng::new(seed));
            prop_assert_eq!(parse(token.expose()), Some(kind));
        }

        #[test]
        fn one_changed_character_is_noticed(
            kind in kinds(), seed in any::<u64>(), at in any::<proptest::sample::Index>(),
            put in proptest::char::range('0', 'z'),
        ) {
            let token = mint(kind, &SeededRng::new(seed));
            let mut chars: Vec<char> = token.expose().chars().collect();
            let at = at.index(chars.len());
            prop_assume!(chars[at] != put);
            chars[at] = put;
            prop_assert_eq!(parse(&chars.iter().collect::<String>()), None);
        }

        #[test]
        fn cut_and_extended_tokens_are_refused(seed in any::<u64>(), keep in 0_usize..57) {
            let token = mint(TokenType::User, &SeededRng::new(seed));
            prop_assert_eq!(parse(&token.expose()[..keep]), None);
            prop_assert_eq!(parse(&format!("{}0", token.expose())), None);
            prop_assert_eq!(parse(&format!(" {}", token.expose())), None);
        }

        #[test]
        fn two_seeds_give_two_tokens(a in any::<u64>(), b in any::<u64>()) {
            prop_assume!(a != b);
            let [a, b] = [a, b].map(|s| mint(TokenType::User, &SeededRng::new(s)));
            prop_assert_ne!(a.expose(), b.expose());
        }

        #[test]
        fn never_panics(text in any::<String>(), tail in "[0-9A-Za-z_é]{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("tg_user_{tail}"));
        }
    }
}
