//! ES256 (RFC 7518, 3.4): ECDSA on P-256 with SHA-256, the algorithm of our tokens.
//!
//! The algorithm belongs to the key, so a token's header has no say in it.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_kernel::{Error, Rng};
use zeroize::Zeroizing;

use crate::seal::{Place, Sealed, SigningKey};
use crate::vault::{Opener, Vault};

/// A key pair that signs. The private half cannot be had from it.
pub struct Signer {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

/// The public half of a signing key.
#[derive(Clone)]
pub struct PublicKey {
    kid: String,
    point: [u8; 65],
    parsed: ParsedPublicKey,
}

impl Vault {
    /// Makes a signing key named `kid` (1 to 255 bytes) and seals its private half for `place`. The
    /// key itself comes from the crypto library's own randomness, which cannot be replaced; `rng`
    /// serves the envelope.
    pub fn generate_signing_key(
        &self,
        place: &Place,
        kid: &str,
        rng: &dyn Rng,
    ) -> Result<(Sealed<SigningKey>, PublicKey), Error> {
        let failed = |_| Error::internal("the crypto library could not make a signing key");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let document = pair.to_pkcs8v1().map_err(failed)?;
        let document = document.as_ref();
        let kid_len = u8::try_from(kid.len()).ok().filter(|len| *len > 0);
        let kid_len = kid_len.ok_or_else(|| Error::internal("a kid has 1 to 255 bytes"))?;
        // The whole size at once: a buffer that moved would leave the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + kid.len() + document.len()));
        bytes.push(kid_len);
        bytes.extend_from_slice(kid.as_bytes());
        bytes.extend_from_slice(document);
        let public = PublicKey::from_point(kid, pair.public_key().as_ref())?;
        Ok((self.seal_bytes(place, &bytes, rng)?, public))
    }
}

impl Opener {
    /// Opens a signing key for use. The errors are those of [`Opener::open`].
    pub fn signer(&self, place: &Place, sealed: &Sealed<SigningKey>) -> Result<Signer, Error> {
        let bytes = self.open_bytes(place, sealed)?;
        Signer::read(&bytes).ok_or_else(|| Error::internal("a sealed signing key is malformed"))
    }
}

impl Signer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (kid_len, rest) = bytes.split_first()?;
        let (kid, document) = rest.split_at_checked(usize::from(*kid_len))?;
        let kid = std::str::from_utf8(kid).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).ok()?;
        let public = PublicKey::from_point(kid, pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public })
    }

    /// The key's name, for the token's header.
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of `signing_input` (a JWS's header and payload, base64url with a dot
    /// between), as R and S of 32 bytes each.
    pub fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], Error> {
        let signature = self.pair.sign(&SystemRandom::new(), signing_input);
        let signature = signature.map_err(|_| Error::internal("signing failed"))?;
        let fixed = signature.as_ref().try_into();
        fixed.map_err(|_| Error::internal("a signature does not have 64 bytes"))
    }
}

impl PublicKey {
    /// The key named `kid` at `point`: 65 bytes, uncompressed (SEC 1, 2.3.3), on P-256. Anything
    /// else is an internal error, since points come from the store.
    pub fn from_point(kid: &str, point: &[u8]) -> Result<Self, Error> {
        let refused = || Error::internal(format!("the public key {kid:?} is not a point of P-256"));
        let point = point.try_into().ok().filter(|it: &[u8; 65]| matches!(it, [4, ..]));
        let point = point.ok_or_else(refused)?;
        let parsed =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| refused())?;
        Ok(Self { kid: kid.to_owned(), point, parsed })
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The point, uncompressed, for the store.
    pub fn point(&self) -> &[u8; 65] {
        &self.point
    }

    /// The member `x` of its JWK (RFC 7518, 6.2.1.2).
    pub fn x(&self) -> String {
        let [_, xy @ ..] = &self.point;
        URL_SAFE_NO_PAD.encode(xy.split_at(32).0)
    }

    /// The member `y` of its JWK (RFC 7518, 6.2.1.3).
    pub fn y(&self) -> String {
        let [_, xy @ ..] = &self.point;
        URL_SAFE_NO_PAD.encode(xy.split_at(32).1)
    }

    /// Whether `signature` is this key's for exactly `signing_input`. Only the 64 bytes of R and S
    /// are a signature; DER is not.
    pub fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signing_input, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::vault::fixture::vault_of;
    use aws_lc_rs::hmac;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, Ed25519KeyPair,
    };
    use tollgate_kernel::SeededRng;

    const INPUT: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9";

    fn place(row: &str) -> Place {
        Place {
            table: "signing_key",
            column: "private",
            row: row.into(),
            owner: "installation".into(),
            version: 1,
        }
    }

    fn key(kid: &str) -> (Signer, PublicKey) {
        let (vault, opener) = vault_of(1);
        let made = vault.generate_signing_key(&place(kid), kid, &SeededRng::new(1));
        let (sealed, public) = made.unwrap();
        (opener.signer(&place(kid), &sealed).unwrap(), public)
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else() {
        let (signer, public) = key("k1");
        assert_eq!((signer.kid(), public.kid()), ("k1", "k1"));
        assert_eq!(signer.public_key().point(), public.point());
        let signature = signer.sign(INPUT).unwrap();
        let stored = PublicKey::from_point("k1", public.point()).unwrap();
        assert!(public.verify(INPUT, &signature) && stored.verify(INPUT, &signature));
        assert!(!public.verify(&INPUT[1..], &signature));
        assert!(!public.verify(b"", &signature));
        for at in 0..64 {
            let mut flipped = signature;
            flipped[at] ^= 1;
            assert!(!public.verify(INPUT, &flipped), "byte {at}");
        }
        assert!(!key("k1").1.verify(INPUT, &signature), "another key of the same name");
    }

    #[test]
    fn k4_a_signing_key_opens_at_its_place_and_for_its_owner_alone() {
        let ((vault, opener), (_, foreign)) = (vault_of(1), vault_of(2));
        let rng = SeededRng::new(1);
        let (sealed, _) = vault.generate_signing_key(&place("a"), "a", &rng).unwrap();
        assert!(opener.signer(&place("a"), &sealed).is_ok());
        assert!(opener.signer(&place("b"), &sealed).is_err());
        assert!(foreign.signer(&place("a"), &sealed).is_err());
    }

    #[test]
    fn a_kid_of_no_or_too_many_bytes_is_refused() {
        let ((vault, opener), rng) = (vault_of(1), SeededRng::new(1));
        for kid in ["", &"k".repeat(256)] {
            assert!(vault.generate_signing_key(&place("a"), kid, &rng).is_err());
        }
        let longest = "k".repeat(255);
        let (sealed, _) = vault.generate_signing_key(&place("a"), &longest, &rng).unwrap();
        assert_eq!(opener.signer(&place("a"), &sealed).unwrap().kid(), longest);
    }

    #[test]
    fn the_jwk_members_are_the_halves_of_the_point() {
        let (_, public) = key("k1");
        let decode = |text: String| URL_SAFE_NO_PAD.decode(text).unwrap();
        let point = [vec![4], decode(public.x()), decode(public.y())].concat();
        assert_eq!(point, public.point());
        assert_eq!((public.x().len(), public.y().len()), (43, 43));
    }

    #[test]
    fn the_example_of_rfc_7515_a_3_verifies() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let x = decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        let y = decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let public = PublicKey::from_point("rfc", &[vec![4], x, y].concat()).unwrap();
        let input = b"eyJhbGciOiJFUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
            Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = decode(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmX\
            FCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
        assert!(public.verify(input, &signature));
    }

    #[test]
    fn j2_a_mac_made_with_the_public_key_is_no_signature() {
        let (_, public) = key("k1");
        let jwk = format!("{{\"x\":\"{}\",\"y\":\"{}\"}}", public.x(), public.y());
        for secret in [&public.point()[..], &public.point()[1..], jwk.as_bytes()] {
            for algorithm in [hmac::HMAC_SHA256, hmac::HMAC_SHA512] {
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), INPUT);
                assert!(!public.verify(INPUT, tag.as_ref()));
            }
        }
    }

    #[test]
    fn j17_zero_and_out_of_range_numbers_are_no_signature() {
        let (signer, public) = key("k1");
        let good = signer.sign(INPUT).unwrap();
        let order = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
            0x25, 0x51,
        ];
        let mut one = [0; 32];
        one[31] = 1;
        let (r, s) = (&good[..32], &good[32..]);
        for odd in [[0; 32], order, [0xff; 32]] {
            for (r, s) in [(&odd[..], &odd[..]), (&odd, s), (r, &odd), (&odd, &one), (&one, &odd)] {
                assert!(!public.verify(INPUT, &[r, s].concat()));
            }
        }
        assert!(!public.verify(b"", &[0; 64]));
    }

    #[test]
    fn j13_j19_only_64_bytes_of_r_and_s_are_read() {
        let (_, public) = key("k1");
        let (signer, _) = key("k2");
        let good = signer.sign(INPUT).unwrap();
        let public2 = signer.public_key();
        for bad in [&good[..63], &[&good[..], &[0]].concat(), &[&[0], &good[..]].concat(), &[]] {
            assert!(!public2.verify(INPUT, bad));
        }
        let document = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let document = document.to_pkcs8v1().unwrap();
        let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref());
        let der = der.unwrap();
        let same = PublicKey::from_point("der", der.public_key().as_ref()).unwrap();
        let signature = der.sign(&SystemRandom::new(), INPUT).unwrap();
        assert!(!same.verify(INPUT, signature.as_ref()));
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let signature = p384.sign(&SystemRandom::new(), INPUT).unwrap();
        assert!(!public.verify(INPUT, signature.as_ref()));
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        assert!(!public.verify(INPUT, ed25519.sign(INPUT).as_ref()));
    }

    #[test]
    fn j19_points_of_other_curves_and_forms_are_refused() {
        let (_, public) = key("k1");
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let compressed = [&[2 + (public.point()[64] & 1)], &public.point()[1..33]].concat();
        let mut hybrid = *public.point();
        hybrid[0] = 6 + (hybrid[64] & 1);
        let mut off_curve = *public.point();
        off_curve[64] ^= 1;
        let mut zero = [0; 65];
        zero[0] = 4;
        let others = [
            p384.public_key().as_ref(),
            ed25519.public_key().as_ref(),
            &compressed,
            &hybrid,
            &off_curve,
            &zero,
            &[0],
            &[],
        ];
        for point in others {
            assert!(PublicKey::from_point("other", point).is_err(), "{point:?}");
        }
    }
}
