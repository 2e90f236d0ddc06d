//! A JSON scanner that tells where members stand, without building anything.
//!
//! It checks the whole text against RFC 8259 in one pass and hands every member of every object to
//! a visitor, with its place in the text. That is what splicing needs (the bytes that were
//! authorised are the bytes forwarded) and what finding duplicate members needs; serde offers
//! neither.

use std::borrow::Cow;

use memchr::memchr2;
use tollgate_kernel::Error;

/// How deep objects and lists may be nested.
pub(crate) const MAX_DEPTH: usize = 128;

/// A member of an object. Members are visited when their value ends, so the members inside a value
/// come before the member that holds them.
pub(crate) struct Member<'a> {
    /// How many objects and lists are around it; 1 for the members of the outermost object.
    pub(crate) depth: usize,
    /// The value.
    pub(crate) value: Value<'a>,
    name: &'a str,
    name_escaped: bool,
}

/// A value: its text, and the byte at which it starts.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

/// What is told about a text while it is scanned.
pub(crate) trait Visitor<'a> {
    /// A member has ended. An error stops the scan.
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error>;

    /// An object at this depth has ended.
    fn object_end(&mut self, _depth: usize, _object: Value<'a>) {}
}

/// Scans `text`, which must be one JSON object with nothing but white space around it.
///
/// Returns where its closing brace stands. Errors say what is wrong and at which byte.
pub(crate) fn scan_object<'a>(
    text: &'a str,
    visitor: &mut impl Visitor<'a>,
) -> Result<usize, Error> {
    let mut scanner = Scanner { text, at: 0, depth: 0, visitor };
    scanner.space();
    if scanner.peek() != Some(b'{') {
        return Err(scanner.malformed("expected an object"));
    }
    scanner.object()?;
    let close = scanner.at - 1;
    scanner.space();
    if scanner.peek().is_some() {
        return Err(scanner.malformed("expected nothing after the object"));
    }
    Ok(close)
}

impl<'a> Member<'a> {
    /// The name with its escapes resolved; `None` when they make no Unicode text (half a surrogate
    /// pair).
    pub(crate) fn name(&self) -> Option<Cow<'a, str>> {
        if self.name_escaped {
            return serde_json::from_str(self.name).ok().map(Cow::Owned);
        }
        let length = self.name.len();
        self.name.get(1..length.saturating_sub(1)).map(Cow::Borrowed)
    }

    /// The name for messages: resolved, and cut to what is useful in one.
    pub(crate) fn short_name(&self) -> String {
        let name = self.name().unwrap_or(Cow::Borrowed(self.name));
        name.chars().take(64).collect()
    }
}

impl<'a> Value<'a> {
    /// Whether it is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.text == "null"
    }

    /// The text of a string, its escapes resolved; `None` for anything else.
    pub(crate) fn as_text(self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(self.text).ok().map(Cow::Owned)
    }
}

/// `name` in lower case, with the two letters that case-blind parsers take for ASCII ones (long s,
/// Kelvin sign) resolved. Borrowed where nothing changes.
pub(crate) fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let fold = |c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => char::to_ascii_lowercase(&c),
    };
    Cow::Owned(name.chars().map(fold).collect())
}

struct Scanner<'a, 'v, V> {
    text: &'a str,
    at: usize,
    depth: usize,
    visitor: &'v mut V,
}

impl<'a, V: Visitor<'a>> Scanner<'a, '_, V> {
    fn value(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => self.string().map(|_escaped| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.malformed("expected a value")),
        }
    }

    fn object(&mut self) -> Result<(), Error> {
        let at = self.at;
        self.enter()?;
        if self.peek() != Some(b'}') {
            loop {
                self.member()?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.space();
            }
        }
        self.take(b'}', "expected ',' or '}'")?;
        let object = Value { text: self.since(at), at };
        self.visitor.object_end(self.depth, object);
        self.depth -= 1;
        Ok(())
    }

    fn member(&mut self) -> Result<(), Error> {
        let name_at = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.malformed("expected a member's name"));
        }
        let name_escaped = self.string()?;
        let name = self.since(name_at);
        self.space();
        self.take(b':', "expected ':'")?;
        self.space();
        let at = self.at;
        self.value()?;
        let value = Value { text: self.since(at), at };
        self.visitor.member(&Member { depth: self.depth, value, name, name_escaped })?;
        self.space();
        Ok(())
    }

    fn list(&mut self) -> Result<(), Error> {
        self.enter()?;
        if self.peek() != Some(b']') {
            loop {
                self.value()?;
                self.space();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.space();
            }
        }
        self.take(b']', "expected ',' or ']'")?;
        self.depth -= 1;
        Ok(())
    }

    /// Takes an opening bracket and the white space behind it.
    fn enter(&mut self) -> Result<(), Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.malformed("nested deeper than 128 levels"));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Takes a string and says whether it has escapes.
    fn string(&mut self) -> Result<bool, Error> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_length(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.malformed("a control character in a string")),
                None => return Err(self.malformed("a string without an end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let length = match self.rest() {
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [_, b'u', hex @ ..]
                if hex.len() >= 4 && hex.iter().take(4).all(u8::is_ascii_hexdigit) =>
            {
                6
            }
            _ => return Err(self.malformed("an escape that JSON does not have")),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        self.skip_one(b"-");
        if !self.skip_one(b"0") {
            self.digits()?;
        }
        if self.skip_one(b".") {
            self.digits()?;
        }
        if self.skip_one(b"eE") {
            self.skip_one(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let count = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.malformed("expected a digit"));
        }
        self.at += count;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Error> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.malformed("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_one(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|b| any_of.contains(&b));
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, byte: u8, otherwise: &str) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.malformed(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn malformed(&self, what: &str) -> Error {
        Error::invalid(format!("The JSON is malformed: {what} at byte {}.", self.at))
    }
}

/// How many bytes of `text` stand for themselves in a string: until its end, an escape, or a
/// control character. Most strings are short, so eight bytes at a time are looked at in one word;
/// what is longer is left to a search that is quicker once it runs.
fn plain_length(text: &[u8]) -> usize {
    const NEAR_WORDS: usize = 6;
    let mut rest = text;
    for _ in 0..NEAR_WORDS {
        let Some((word, behind)) = rest.split_first_chunk::<8>() else {
            return text.len() - rest.len() + plain_bytes(rest);
        };
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            // The lowest byte comes first.
            let before = usize::try_from(special.trailing_zeros() / 8).unwrap_or(0);
            return text.len() - rest.len() + before;
        }
        rest = behind;
    }
    let near = text.len() - rest.len();
    let far = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let plain = rest.get(..far).unwrap_or_default();
    // A fold, not `any`: without an early exit the compiler makes it wide.
    if plain.iter().fold(false, |found, b| found | (*b < 0x20)) {
        return near + plain_bytes(plain);
    }
    near + far
}

fn plain_bytes(text: &[u8]) -> usize {
    let is_special = |b: &u8| *b < 0x20 || matches!(b, b'"' | b'\\');
    text.iter().position(is_special).unwrap_or(text.len())
}

/// A word whose lowest set bit is in the first byte that is a quote, a backslash or a control
/// character; 0 where there is none. A byte is below `n` if taking `n` away from it borrows and its
/// highest bit was not set. The borrow may mark a later byte in error, never an earlier one.
const fn special_bytes(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = EACH << 7;
    let quote = word ^ (EACH * b'"' as u64);
    let backslash = word ^ (EACH * b'\\' as u64);
    let below = word.wrapping_sub(EACH * 0x20) & !word;
    let ends = (quote.wrapping_sub(EACH) & !quote) | (backslash.wrapping_sub(EACH) & !backslash);
    (below | ends) & HIGHEST
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// Keeps the names and values of the outermost members.
    #[derive(Default)]
    pub(crate) struct Outermost<'a>(pub(crate) Vec<(&'a str, &'a str)>);

    impl<'a> Visitor<'a> for Outermost<'a> {
        fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
            if member.depth == 1 {
                self.0.push((member.name, member.value.text));
            }
            Ok(())
        }
    }

    fn accepts(text: &str) -> bool {
        scan_object(text, &mut Outermost::default()).is_ok()
    }

    #[test]
    fn members_are_found_with_their_bytes() {
        let text = " {\"a\" : [1, {\"b\":2}] ,\"\\u0062\":{}} \n";
        let mut found = Outermost::default();
        let close = scan_object(text, &mut found).unwrap();
        assert_eq!(&text[close..=close], "}");
        assert_eq!(found.0, [("\"a\"", "[1, {\"b\":2}]"), ("\"\\u0062\"", "{}")]);
    }

    #[test]
    fn t64_depth_is_capped() {
        let nested = |levels: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert!(accepts(&nested(MAX_DEPTH)));
        assert!(!accepts(&nested(MAX_DEPTH + 1)));
        assert!(!accepts(&"{\"a\":".repeat(1_000_000)));
    }

    #[test]
    fn what_rfc_8259_does_not_have_is_refused() {
        for bad in [
            "",
            "[]",
            "1",
            "{",
            "{}x",
            "{} {}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":-}",
            "{\"a\":1e}",
            "{\"a\":NaN}",
            "{\"a\":tru}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"}",
            "{\"a\":[1 2]}",
            "{\"a\":[1,]}",
            "{\"a\":1 \"b\":2}",
            "\u{feff}{}",
            "{\"a\":1}\0",
            "{\"a\":1//\n}",
            "{\"a\":\"\\u12",
            "{\"a\":\"\\",
        ] {
            assert!(!accepts(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_are_folded_as_case_blind_parsers_do() {
        assert_eq!(folded("Model"), "model");
        assert_eq!(folded("\u{17f}tream"), "stream");
        assert_eq!(folded("\u{212a}ey"), "key");
        assert!(matches!(folded("model"), Cow::Borrowed("model")));
    }

    fn agrees_with_serde(text: &str) -> bool {
        let theirs = text.trim_start_matches([' ', '\n', '\r', '\t']).starts_with('{')
            && serde_json::from_str::<IgnoredAny>(text).is_ok();
        accepts(text) == theirs
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn agrees_with_a_second_parser_on_almost_json(
            text in concat!(
                r#"\{( ?"(a|b|\\u00|\\n|é)"( |:)"#,
                r#"("x|"|1|-0|\.5|e3|true|nul|\[|\]|\{|\}|,| ){1,4}){0,3}\}?"#,
            ),
        ) {
            prop_assert!(agrees_with_serde(&text), "{text:?}");
        }

        #[test]
        fn agrees_with_a_second_parser_on_changed_json(
            at in any::<proptest::sample::Index>(), put in any::<char>(), cut in any::<bool>(),
        ) {
            let good = r#"{"a":[1,-2.5e-3,{"b":"x\u00e9\"y"},null],"c":{"d":[[],{}]},"e":true}"#;
            let at = at.index(good.len());
            let tail = if cut { &good[at..] } else { &good[at + 1..] };
            let text = format!("{}{put}{tail}", &good[..at]);
            prop_assert!(agrees_with_serde(&text), "{text:?}");
        }

        #[test]
        fn strings_end_where_their_bytes_say(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            plain in proptest::collection::vec(0x23_u8..0x5c, 0..120),
            special in proptest::sample::select(vec![0, 1, 0x1f, b'"', b'\\', 0x20, 0x7f, 0x80]),
        ) {
            prop_assert_eq!(plain_length(&bytes), plain_bytes(&bytes));
            let long = [&plain[..], &[special], &bytes].concat();
            prop_assert_eq!(plain_length(&long), plain_bytes(&long));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            prop_assert!(agrees_with_serde(&text));
            let _ = accepts(&format!("{{{text}}}"));
        }
    }
}
