#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use tollgate_kernel::{Kind as ErrorKind, SeededRng};

use super::*;
use crate::vault::fixture::vault_of;

const SECRET: &str = "sk-canary-0123456789";

fn place() -> Place {
    Place {
        table: "upstream",
        column: "key",
        row: "openai".into(),
        owner: "installation".into(),
        version: 7,
    }
}

fn sealed_by(vault: &Vault, place: &Place) -> Sealed<ProviderKey> {
    let rng = SeededRng::new(3);
    vault.seal(place, &Secret::new(SECRET.into()), &rng).unwrap()
}

/// The text, or why not.
fn open(opener: &Opener, place: &Place, sealed: &Sealed<ProviderKey>) -> Result<String, String> {
    let opened = opener.open(place, sealed).map(|secret| secret.expose().to_owned());
    opened.map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(!error.detail().contains("seal"), "the caller is told {:?}", error.detail());
        error.cause().unwrap()
    })
}

#[test]
fn what_is_sealed_opens_at_its_place() {
    let (vault, opener) = vault_of(1);
    let sealed = sealed_by(&vault, &place());
    assert!(!sealed.as_bytes().windows(6).any(|window| SECRET.as_bytes().starts_with(window)));
    let stored = Sealed::from_bytes(sealed.clone().into_bytes());
    assert_eq!(open(&opener, &place(), &stored).as_deref(), Ok(SECRET));
    assert!(vault.is_ours(&sealed));
}

#[test]
fn the_empty_text_and_a_long_one_open_too() {
    let (vault, opener) = vault_of(1);
    for text in [String::new(), "x".repeat(100_000)] {
        let secret = Secret::new(text.clone());
        let sealed = vault.seal(&place(), &secret, &SeededRng::new(1)).unwrap();
        assert_eq!(open(&opener, &place(), &sealed), Ok(text));
    }
}

#[test]
fn two_envelopes_of_one_secret_have_nothing_in_common() {
    let (vault, _) = vault_of(1);
    let (rng, secret) = (SeededRng::new(5), Secret::new(SECRET.into()));
    let a: Sealed<ProviderKey> = vault.seal(&place(), &secret, &rng).unwrap();
    let b: Sealed<ProviderKey> = vault.seal(&place(), &secret, &rng).unwrap();
    let (a, b) = (Envelope::read(&a.0).unwrap(), Envelope::read(&b.0).unwrap());
    assert_ne!(a.wrap_nonce, b.wrap_nonce);
    assert_ne!(a.wrapped, b.wrapped);
    assert_ne!(a.nonce, b.nonce);
    assert_ne!(a.text, b.text);
}

/// Every combination of two values for each part of a place, and some whose parts run together.
fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for bits in 0..32_u8 {
        let pick = |bit: u8, a: &'static str, b: &'static str| {
            if bits >> bit & 1 == 0 { a } else { b }
        };
        places.push(Place {
            table: pick(0, "upstream", "provider"),
            column: pick(1, "key", "secret"),
            row: pick(2, "openai", "local").into(),
            owner: pick(3, "installation", "user:1").into(),
            version: if bits >> 4 & 1 == 0 { 7 } else { 8 },
        });
    }
    let run_together = |table, column, row: &str, owner: &str| Place {
        table,
        column,
        row: row.into(),
        owner: owner.into(),
        version: 7,
    };
    places.push(run_together("upstreamk", "ey", "openai", "installation"));
    places.push(run_together("upstream", "keyo", "penai", "installation"));
    places.push(run_together("upstream", "key", "openaii", "nstallation"));
    places.push(run_together("upstream", "key", "openaiinstallation", ""));
    places
}

#[test]
fn k4_every_swap_and_roll_back_is_refused() {
    let (vault, opener) = vault_of(1);
    let places = places();
    let sealed: Vec<_> = places.iter().map(|place| sealed_by(&vault, place)).collect();
    for (i, place) in places.iter().enumerate() {
        for (j, sealed) in sealed.iter().enumerate() {
            let opened = open(&opener, place, sealed);
            if i == j {
                assert_eq!(opened.as_deref(), Ok(SECRET));
            } else {
                assert!(opened.unwrap_err().contains(MISPLACED), "{place:?} took {j}");
            }
        }
    }
}

#[test]
fn k4_each_layer_is_bound_to_its_place_by_itself() {
    let (vault, opener) = vault_of(1);
    let (here, before) = (place(), Place { version: 6, ..place() });
    let (new, old) = (sealed_by(&vault, &here), sealed_by(&vault, &before));
    let cut = HEAD_LEN + NONCE_LEN + WRAPPED_LEN;
    // The new wrap with the old secret, and the old wrap with the new secret. Both envelopes have
    // one record key (the generator is seeded alike), so only the place can tell them apart.
    for (wrap, secret) in [(&new, &old), (&old, &new)] {
        let bytes = [&wrap.0[..cut], &secret.0[cut..]].concat();
        let mixed = Sealed::from_bytes(bytes);
        assert!(open(&opener, &here, &mixed).is_err());
        assert!(open(&opener, &before, &mixed).is_err());
    }
}

#[test]
fn k4_a_value_of_one_kind_does_not_open_as_another() {
    let (vault, opener) = vault_of(1);
    let signing: Sealed<SigningKey> =
        vault.seal_bytes(&place(), SECRET.as_bytes(), &SeededRng::new(1)).unwrap();
    assert!(opener.open_bytes(&place(), &signing).is_ok());
    let disguised = Sealed::<ProviderKey>::from_bytes(signing.into_bytes());
    assert!(open(&opener, &place(), &disguised).is_err());
}

#[test]
fn k5_an_opener_of_another_master_key_opens_nothing() {
    let ((ours, opener), (theirs, foreign)) = (vault_of(1), vault_of(2));
    let sealed = sealed_by(&ours, &place());
    assert!(open(&foreign, &place(), &sealed).unwrap_err().contains("another master key"));
    assert!(!theirs.is_ours(&sealed));
    // Also when the envelope claims to be of that key.
    let mut bytes = sealed.into_bytes();
    bytes[..HEAD_LEN].copy_from_slice(&theirs.keyring.head());
    let forged = Sealed::from_bytes(bytes);
    assert!(open(&foreign, &place(), &forged).unwrap_err().contains(MISPLACED));
    assert!(open(&opener, &place(), &forged).is_err());
}

#[test]
fn rewrap_moves_to_another_master_key_and_leaves_the_secret_as_it_is() {
    let ((ours, opener), (theirs, foreign)) = (vault_of(1), vault_of(2));
    let sealed = sealed_by(&ours, &place());
    let moved = opener.rewrap(&theirs, &place(), &sealed, &SeededRng::new(9)).unwrap();
    assert_eq!(open(&foreign, &place(), &moved).as_deref(), Ok(SECRET));
    assert!(open(&opener, &place(), &moved).is_err());
    assert_eq!(open(&opener, &place(), &sealed).as_deref(), Ok(SECRET));
    assert!(theirs.is_ours(&moved) && !ours.is_ours(&moved));
    let (before, after) = (Envelope::read(&sealed.0).unwrap(), Envelope::read(&moved.0).unwrap());
    assert_eq!((before.nonce, before.text), (after.nonce, after.text));
    assert_ne!(before.wrapped, after.wrapped);
}

#[test]
fn rewrap_refuses_what_does_not_open() {
    let ((ours, opener), (theirs, foreign)) = (vault_of(1), vault_of(2));
    let (sealed, rng) = (sealed_by(&ours, &place()), SeededRng::new(9));
    let elsewhere = Place { version: 6, ..place() };
    assert!(opener.rewrap(&theirs, &elsewhere, &sealed, &rng).is_err());
    assert!(foreign.rewrap(&ours, &place(), &sealed, &rng).is_err());
    let mut bytes = sealed.into_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(
        opener.rewrap(&theirs, &place(), &Sealed::<ProviderKey>::from_bytes(bytes), &rng).is_err()
    );
}

#[test]
fn an_envelope_made_by_another_implementation_opens() {
    // Master key 0101…01; record key 22…, wrap nonce 33…, secret's nonce 44….
    let hex = "010030ed1532aadce093333333333333333333333333d6924616893c2f69a7aada5dde724ad3a1d5\
        54fb39b82949231d07496e8523ad4fe7a64955d8168c22f6a541e814f87444444444444444444444\
        44441b90fadb7e96d7cb7fa724228c59b7ade68791ac3c9ee641e6b29c87c87e8d849af5d400";
    let bytes = hex.as_bytes().chunks(2);
    let bytes = bytes.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
    let sealed = Sealed::from_bytes(bytes.collect::<Result<_, _>>().unwrap());
    assert_eq!(open(&vault_of(1).1, &place(), &sealed).as_deref(), Ok(SECRET));
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let (vault, opener) = vault_of(1);
    let sealed = sealed_by(&vault, &place()).into_bytes();
    for at in 0..sealed.len() {
        let cut = Sealed::from_bytes(sealed[..at].to_vec());
        assert!(open(&opener, &place(), &cut).is_err(), "cut at {at}");
        let tail = Sealed::from_bytes(sealed[at + 1..].to_vec());
        assert!(open(&opener, &place(), &tail).is_err(), "cut up to {at}");
        for bit in 0..8 {
            let mut bytes = sealed.clone();
            bytes[at] ^= 1 << bit;
            let flipped = Sealed::from_bytes(bytes);
            assert!(open(&opener, &place(), &flipped).is_err(), "bit {bit} of {at}");
        }
    }
    let longer = Sealed::from_bytes([&sealed[..], &[0]].concat());
    assert!(open(&opener, &place(), &longer).is_err());
}

proptest! {
    #[test]
    fn garbage_is_refused_and_never_panics(
        head in any::<bool>(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (vault, opener) = vault_of(1);
        if head && bytes.len() >= HEAD_LEN {
            bytes[..HEAD_LEN].copy_from_slice(&vault.keyring.head());
        }
        prop_assert!(open(&opener, &place(), &Sealed::from_bytes(bytes.clone())).is_err());
        prop_assert!(opener.signer(&place(), &Sealed::from_bytes(bytes)).is_err());
    }

    #[test]
    fn any_text_opens_at_any_place(
        secret in any::<String>(), row in any::<String>(), owner in any::<String>(),
        version in any::<i64>(), seed in any::<u64>(),
    ) {
        let (vault, opener) = vault_of(1);
        let place = Place { row, owner, version, ..place() };
        let sealed = vault.seal(&place, &Secret::new(secret.clone()), &SeededRng::new(seed));
        prop_assert_eq!(open(&opener, &place, &sealed.unwrap()), Ok(secret));
    }
}
