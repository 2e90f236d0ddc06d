//! Looking for secrets, in each spelling that they might have slipped out in.

use std::path::{Path, PathBuf};

use tollgate_testkit::Answer;

/// What is looked for, and where it was found.
#[derive(Default)]
pub(super) struct Hunt {
    secrets: Vec<Canary>,
    answers: Vec<(String, Vec<u8>)>,
    looked: usize,
}

struct Canary {
    name: String,
    spellings: Vec<Vec<u8>>,
    /// The answers that may hold it.
    home: Vec<String>,
}

impl Hunt {
    /// From now on `secret` is looked for; `home` names the answers that may hold it.
    pub(super) fn secret(&mut self, name: &str, secret: &str, home: &[&str]) {
        let home = home.iter().map(|label| (*label).to_owned()).collect();
        assert!(secret.len() >= 20, "{name} is too short to be looked for");
        self.secrets.push(Canary { name: name.to_owned(), spellings: spellings(secret), home });
    }

    /// Somebody got this answer. It is looked through at the end, for all secrets.
    pub(super) fn answer(&mut self, label: &str, answer: &Answer) {
        let mut bytes = format!("{:?}\n", answer.headers).into_bytes();
        bytes.extend_from_slice(answer.text.as_bytes());
        self.answers.push((label.to_owned(), bytes));
    }

    /// An answer whose headers may repeat the request's address, and whose body may not.
    pub(super) fn answer_to_sender(&mut self, answer: &Answer) {
        self.answers.push(("a secret in a URL".to_owned(), answer.text.clone().into_bytes()));
    }

    /// No secret that is known by now is in `bytes`.
    pub(super) fn nothing_in(&mut self, place: &str, bytes: &[u8]) {
        self.looked += 1;
        for canary in &self.secrets {
            assert!(!canary.is_in(bytes), "{} is in {place}", canary.name);
        }
    }

    /// Looks through all answers.
    pub(super) fn finish(self) {
        for (label, bytes) in &self.answers {
            for canary in &self.secrets {
                let at_home = canary.home.contains(label);
                assert!(at_home || !canary.is_in(bytes), "{} is in {label}", canary.name);
            }
        }
        assert!(self.looked > 0 && !self.secrets.is_empty());
    }
}

impl Canary {
    fn is_in(&self, bytes: &[u8]) -> bool {
        self.spellings.iter().any(|spelling| find(bytes, spelling))
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> bool {
    // Debug output of bytes that are no text, and huge logs, are searched by their first byte.
    let Some(first) = needle.first() else { return false };
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| byte == first) {
        at += found;
        if bytes[at..].starts_with(needle) {
            return true;
        }
        at += 1;
    }
    false
}

/// All files below `folder`.
pub(super) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(files(&entry.path()));
        } else if kind.is_file() {
            all.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    all
}

/// `secret` as it is, as JSON, percent-encoded, as HTML, in hexadecimal, in base64 at each of its
/// three alignments. The last 8 characters are left out: those are kept for people.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let part = secret.char_indices().nth_back(7).map_or(secret, |(at, _)| &secret[..at]);
    let json = serde_json::to_string(part).unwrap();
    let html: String = part.chars().map(entity).collect();
    let percent = |plus: bool| -> String {
        let encoded = part.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            b' ' if plus => "+".to_owned(),
            byte => format!("%{byte:02X}"),
        });
        encoded.collect()
    };
    let hex: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        part.to_owned(),
        json.trim_matches('"').to_owned(),
        html,
        percent(true),
        percent(false),
        percent(false).to_lowercase(),
        hex.to_uppercase(),
        hex,
    ];
    for skip in 0..3 {
        let standard = base64(part.as_bytes().get(skip..).unwrap_or_default());
        all.push(standard.replace('+', "-").replace('/', "_"));
        all.push(standard);
    }
    all.sort();
    all.dedup();
    all.into_iter().map(String::into_bytes).collect()
}

fn entity(c: char) -> String {
    match c {
        '<' | '>' | '&' | '"' | '\'' => format!("&#{};", u32::from(c)),
        c => c.to_string(),
    }
}

/// The base64 digits of all whole groups of three bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    });
    groups.collect()
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret = "canary <1> secret/+ of a test, with a tail12345678";
    let mut canary = Hunt::default();
    canary.secret("it", secret, &[]);
    let is_found = |text: &str| canary.secrets[0].is_in(text.as_bytes());
    assert!(is_found(&format!("x{secret}y")));
    assert!(is_found("canary+%3C1%3E+secret%2F%2B+of+a+test%2C+with+a+tail"));
    let hex = "63616e617279203c313e207365637265742f2b206f66206120746573742c2077697468206120";
    assert!(is_found(&format!("{hex}7461696c")));
    assert!(is_found("Y2FuYXJ5IDwxPiBzZWNyZXQvKyBvZiBhIHRlc3QsIHdpdGggYSB0YWlsMTIzNDU2Nzg="));
    assert!(is_found("eGNhbmFyeSA8MT4gc2VjcmV0Lysgb2YgYSB0ZXN0LCB3aXRoIGEgdGFpbDEyMzQ1Njc4"));
    assert!(is_found("eHljYW5hcnkgPDE+IHNlY3JldC8rIG9mIGEgdGVzdCwgd2l0aCBhIHRhaWwxMjM0NTY3OA=="));
    assert!(!is_found("tail12345678"));
}
