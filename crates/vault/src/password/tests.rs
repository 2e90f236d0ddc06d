//! Passwords, with what other implementations of the same functions made.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::vault::fixture::vault_of;
use tollgate_kernel::{Kind, SeededRng};

const PASSWORD: &str = "correct horse battery staple";
/// Made by another implementation of HKDF, HMAC and argon2id: master key 0101…01, salt 55…55.
const KNOWN: &str = "v2$argon2id$v=19$m=19456,t=2,p=1$\
    VVVVVVVVVVVVVVVVVVVVVQ$YOBfJqord7bxZFnbNMZyNq5qVnCo07pO9OsTLpi1Jfc";
/// The same with m=8192, t=1.
const KNOWN_WEAK: &str = "v2$argon2id$v=19$m=8192,t=1,p=1$\
    VVVVVVVVVVVVVVVVVVVVVQ$cEW2yassSGJtaChmFJZs61ZOSRN2lESwmf9RS9qLrR4";
/// The same in the first scheme.
const KNOWN_V1: &str = "v1$argon2id$v=19$m=19456,t=2,p=1$\
    VVVVVVVVVVVVVVVVVVVVVQ$StYx2NrDprl8BiIbLRIfdPNkgGhciI7TVFLWxBvIsms";
/// The password "café nächst", normalised to form C by another implementation.
const KNOWN_COMPOSED: &str = "v2$argon2id$v=19$m=19456,t=2,p=1$\
    VVVVVVVVVVVVVVVVVVVVVQ$QGIJqXv42HxpYW+APeyHYL+28dCpEeRP+xr2SewOJ2A";

fn plain(text: &str) -> PlainToken {
    PlainToken::new(text.to_owned())
}

fn verify(vault: &Vault, stored: &str, password: &str) -> Result<Verdict, Kind> {
    let mut memory = HashMemory::new().unwrap();
    let verdict = vault.verify_password(stored, &plain(password), &mut memory);
    verdict.map_err(|error| error.kind())
}

#[test]
fn a_hash_made_by_another_implementation_verifies() {
    let (vault, _) = vault_of(1);
    assert_eq!(verify(&vault, KNOWN, PASSWORD), Ok(Verdict::Right { outdated: false }));
    assert_eq!(verify(&vault, KNOWN_WEAK, PASSWORD), Ok(Verdict::Right { outdated: true }));
    assert_eq!(verify(&vault, KNOWN_WEAK, "Correct horse"), Ok(Verdict::Wrong));
}

#[test]
fn the_stored_text_is_the_scheme_and_a_phc_string() {
    struct Fives;
    impl Rng for Fives {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0x55);
        }
    }
    let mut memory = HashMemory::new().unwrap();
    let text = vault_of(1).0.hash_password(&plain(PASSWORD), &mut memory, &Fives);
    assert_eq!(text.unwrap(), KNOWN);
}

#[test]
fn memory_is_used_again_and_the_whole_password_counts() {
    let ((vault, _), rng) = (vault_of(1), SeededRng::new(1));
    let mut memory = HashMemory::new().unwrap();
    let long = "ä".repeat(128);
    let a = vault.hash_password(&plain(&long), &mut memory, &rng).unwrap();
    let b = vault.hash_password(&plain(&long), &mut memory, &rng).unwrap();
    assert_ne!(a, b, "a new salt for each");
    assert!(!a.contains("ä") && a.starts_with("v2$argon2id$v=19$m=19456,t=2,p=1$"));
    let right = Verdict::Right { outdated: false };
    for stored in [&a, &b] {
        let mut check = |text: &str| vault.verify_password(stored, &plain(text), &mut memory);
        assert_eq!(check(&long).unwrap(), right);
        assert_eq!(check(&long[2..]).unwrap(), Verdict::Wrong);
        assert_eq!(check(&format!("{long} ")).unwrap(), Verdict::Wrong);
    }
}

#[test]
fn k2_a_copy_of_the_table_is_worth_nothing_without_the_pepper() {
    assert_eq!(verify(&vault_of(2).0, KNOWN, PASSWORD), Ok(Verdict::Wrong));
    let stored = Stored::read(KNOWN).unwrap();
    let plain_argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, current().unwrap());
    let mut out = [0; OUTPUT_LEN];
    plain_argon2.hash_password_into(PASSWORD.as_bytes(), &stored.salt, &mut out).unwrap();
    assert_ne!(out, stored.hash.as_bytes());
}

#[test]
fn t60_the_dummy_costs_what_a_real_hash_costs_and_fits_nothing() {
    let (vault, _) = vault_of(1);
    let (dummy, real) = (Stored::read(vault.dummy_hash()), Stored::read(KNOWN));
    let (dummy, real) = (dummy.unwrap(), real.unwrap());
    assert_eq!(dummy.params, real.params);
    assert_eq!(dummy.salt.len(), real.salt.len());
    assert_eq!(verify(&vault, vault.dummy_hash(), PASSWORD), Ok(Verdict::Wrong));
    assert_eq!(verify(&vault, vault.dummy_hash(), ""), Ok(Verdict::Wrong));
    assert_ne!(vault.dummy_hash(), vault_of(2).0.dummy_hash());
}

#[test]
fn t63_more_than_a_kibibyte_is_refused_before_any_work() {
    let ((vault, _), rng) = (vault_of(1), SeededRng::new(1));
    // With no memory at all, whatever reaches argon2 is an internal error.
    let mut none = HashMemory(Vec::new());
    let kind = |len: usize, memory: &mut HashMemory| {
        let password = plain(&"x".repeat(len));
        let hashed = vault.hash_password(&password, memory, &rng).err().unwrap();
        let verified = vault.verify_password(KNOWN, &password, memory).err().unwrap();
        assert_eq!(hashed.kind(), verified.kind());
        hashed.kind()
    };
    assert_eq!(kind(1025, &mut none), Kind::InvalidRequest);
    assert_eq!(kind(1024, &mut none), Kind::Internal);
}

#[test]
fn memory_is_wiped() {
    let mut memory = HashMemory::new().unwrap();
    let used = |memory: &HashMemory| {
        memory.0.iter().any(|block| block.as_ref().iter().any(|word| *word != 0))
    };
    assert!(!used(&memory));
    vault_of(1).0.verify_password(KNOWN_WEAK, &plain(PASSWORD), &mut memory).unwrap();
    assert!(used(&memory));
    memory.wipe();
    assert!(!used(&memory));
}

#[test]
fn t63_malformed_or_monstrous_stored_text_is_our_fault_and_costs_nothing() {
    let changes = [
        ("v2$", "$"),
        ("v2$", "v3$"),
        ("v2$", "v2$$"),
        ("argon2id", "argon2i"),
        ("argon2id", "argon2d"),
        ("argon2id", "scrypt"),
        ("v=19$", "v=16$"),
        ("v=19$", ""),
        ("m=19456", "m=19457"),
        ("m=19456", "m=4294967295"),
        ("m=19456", "m=0"),
        ("t=2", "t=11"),
        ("t=2", "t=0"),
        ("p=1", "p=5"),
        ("p=1", "p=x"),
    ];
    let mut texts: Vec<_> = changes.map(|(from, to)| KNOWN.replacen(from, to, 1)).into();
    assert!(texts.iter().all(|text| text != KNOWN));
    texts.extend((0..KNOWN.len()).map(|at| KNOWN[..at].to_owned()));
    texts.push(format!("{KNOWN}$more"));
    texts.push("v2ä$".to_owned());
    // Without memory: a text that got as far as argon2 would fail too, but say something else.
    let (vault, _) = vault_of(1);
    let mut none = HashMemory(Vec::new());
    for text in texts {
        let error = vault.verify_password(&text, &plain(PASSWORD), &mut none).err().unwrap();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(error.cause().unwrap().contains("malformed"), "{text:?}: {error:?}");
    }
}

#[test]
fn schemes_have_versions_and_what_is_in_an_old_one_is_to_be_hashed_again() {
    let (vault, _) = vault_of(1);
    let rng = SeededRng::new(1);
    assert_eq!(verify(&vault, KNOWN_V1, PASSWORD), Ok(Verdict::Right { outdated: true }));
    assert_eq!(verify(&vault, KNOWN_V1, "Correct horse"), Ok(Verdict::Wrong));
    // Each version has a pepper of its own: one is not the other under another name.
    assert_eq!(verify(&vault, &KNOWN_V1.replacen("v1", "v2", 1), PASSWORD), Ok(Verdict::Wrong));
    assert_eq!(verify(&vault, &KNOWN.replacen("v2", "v1", 1), PASSWORD), Ok(Verdict::Wrong));
    let mut memory = HashMemory::new().unwrap();
    let now = vault.hash_password(&plain(PASSWORD), &mut memory, &rng).unwrap();
    assert_eq!(verify(&vault, &now, PASSWORD), Ok(Verdict::Right { outdated: false }));
}

#[test]
fn a_password_is_the_same_however_a_keyboard_composes_its_letters() {
    let (vault, _) = vault_of(1);
    let right = Ok(Verdict::Right { outdated: false });
    for typed in ["café nächst", "cafe\u{301} na\u{308}chst", "cafe\u{301} nächst"] {
        assert_eq!(verify(&vault, KNOWN_COMPOSED, typed), right, "{typed:?}");
    }
    assert_eq!(verify(&vault, KNOWN_COMPOSED, "cafe nachst"), Ok(Verdict::Wrong));
    // Form C keeps apart what only looks alike: a ligature is not its letters.
    let mut memory = HashMemory::new().unwrap();
    let rng = SeededRng::new(1);
    let stored = vault.hash_password(&plain("o\u{fb03}ce"), &mut memory, &rng).unwrap();
    assert_eq!(verify(&vault, &stored, "office"), Ok(Verdict::Wrong));
}

/// Made by libxcrypt: the password, and its hash.
const ELSEWHERE: [(&str, &str); 3] = [
    (PASSWORD, "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"),
    ("pässwörd ✓ 漢字", "$2a$04$./ABCDEFGHIJKLMNOPQRSO8W9W.vDTvvSRp3f5Jivv2Qlib6WQEsK"),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$2y$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q",
    ),
];

fn import(vault: &Vault, hash: &str) -> Result<String, Error> {
    vault.import_password(&Secret::new(hash.to_owned()))
}

#[test]
fn a_bcrypt_hash_from_elsewhere_is_verified_and_to_be_hashed_again() {
    let (vault, _) = vault_of(1);
    for (password, hash) in ELSEWHERE {
        let stored = import(&vault, hash).unwrap();
        let right = Ok(Verdict::Right { outdated: true });
        assert_eq!(verify(&vault, &stored, password), right, "{password}");
        for wrong in ["", "x", &password[1..], &format!("X{}", &password[1..])] {
            assert_eq!(verify(&vault, &stored, wrong), Ok(Verdict::Wrong), "{wrong}");
        }
    }
}

#[test]
fn bcrypt_saw_72_bytes_and_so_do_we() {
    // Made by libxcrypt from a hundred and from 71 times x, with the same salt and cost.
    let long = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    let short = "$2b$04$abcdefghijklmnopqrstuu.gc7UY/21CSNJGJg21jJzx9QiOpJ9bO";
    let (vault, _) = vault_of(1);
    let (long, short) = (import(&vault, long).unwrap(), import(&vault, short).unwrap());
    let fits = |stored: &str, n: usize| {
        verify(&vault, stored, &"x".repeat(n)).unwrap() == Verdict::Right { outdated: true }
    };
    assert_eq!([71, 72, 73, 100, 128].map(|n| fits(&long, n)), [false, true, true, true, true]);
    assert_eq!([70, 71, 72].map(|n| fits(&short, n)), [false, true, false]);
    assert_eq!(verify(&vault, &long, &format!("{}y", "x".repeat(71))), Ok(Verdict::Wrong));
    // What ended a password elsewhere is no way to write a shorter one.
    let after_nul = format!("{}\0{}", "x".repeat(71), "y".repeat(9));
    assert_eq!(verify(&vault, &short, &after_nul), Ok(Verdict::Wrong));
}

#[test]
fn k2_an_imported_hash_is_worth_nothing_without_the_pepper() {
    let (password, hash) = ELSEWHERE[0];
    let stored = import(&vault_of(1).0, hash).unwrap();
    assert!(!stored.contains(&hash[29..]), "the digest is not kept: {stored}");
    assert_eq!(verify(&vault_of(2).0, &stored, password), Ok(Verdict::Wrong));
    assert_ne!(stored, import(&vault_of(2).0, hash).unwrap());
}

#[test]
fn t63_a_bcrypt_hash_of_a_monstrous_cost_is_refused_when_it_comes_and_when_it_is_read() {
    let (vault, _) = vault_of(1);
    let (_, hash) = ELSEWHERE[0];
    for cost in ["14", "15", "31", "99"] {
        let error = import(&vault, &hash.replacen("$04$", &format!("${cost}$"), 1)).err().unwrap();
        assert_eq!((error.kind(), error.param()), (Kind::InvalidRequest, Some("password_hash")));
        assert!(error.detail().contains("up to 13"), "{error:?}");
    }
    assert!(import(&vault, &hash.replacen("$04$", "$13$", 1)).is_ok());
    // A row that somebody wrote by hand costs nothing either.
    let stored = import(&vault, hash).unwrap();
    for (from, to) in [("b1$04$", "b1$31$"), ("b1$04$", "b1$03$"), ("b1$04$", "b1$4$")] {
        let text = stored.replacen(from, to, 1);
        assert_eq!(verify(&vault, &text, "x"), Err(Kind::Internal), "{text}");
    }
    for text in [format!("{stored}$"), format!("{stored}x"), stored[..stored.len() - 2].to_owned()]
    {
        assert_eq!(verify(&vault, &text, "x"), Err(Kind::Internal), "{text}");
    }
}

#[test]
fn what_is_no_bcrypt_hash_is_refused() {
    let (vault, _) = vault_of(1);
    let (_, hash) = ELSEWHERE[0];
    let mut bad: Vec<String> = ["", "x", "$", KNOWN, PASSWORD].map(str::to_owned).into();
    for (from, to) in [
        ("$2b$", "$2x$"),
        ("$2b$", "$2$"),
        ("$2b$", "2b$"),
        ("$2b$", "$5$"),
        ("$04$", "$4$"),
        ("$04$", "$004$"),
        ("$04$", "$+4$"),
        ("$04$", "$03$"),
        ("$04$", "$00$"),
        ("$04$a", "$04$ä"),
        ("$04$a", "$04$+"),
        ("$04$a", "$04$"),
        ("CG", "CG="),
        ("CG", "C"),
        ("CG", "C\n"),
    ] {
        bad.push(hash.replacen(from, to, 1));
    }
    bad.extend((0..hash.len()).map(|at| hash[..at].to_owned()));
    for hash in bad {
        let error = import(&vault, &hash).err();
        let error = error.unwrap_or_else(|| unreachable!("{hash:?} was taken"));
        assert_eq!((error.kind(), error.param()), (Kind::InvalidRequest, Some("password_hash")));
        assert!(!error.detail().contains(hash.get(10..30).unwrap_or("no such")), "{error:?}");
    }
}
