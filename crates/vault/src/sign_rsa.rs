//! RS256 (RFC 7518, 3.3): RSASSA-PKCS1-v1_5 with SHA-256, which every OpenID client can verify.
//! Only ID tokens are signed so; the private key is used in the crypto library alone.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_kernel::{Error, Rng};

use crate::seal::{Place, Sealed, SigningKey};
use crate::vault::{Opener, Vault};

/// An RSA key pair that signs. The private half cannot be had from it.
pub struct RsaSigner {
    pair: KeyPair,
    kid: String,
}

/// The public half of an RSA key.
pub struct RsaPublicKey {
    kid: String,
    der: Vec<u8>,
    modulus: String,
    exponent: String,
    parsed: ParsedPublicKey,
}

impl Vault {
    /// Makes an RSA key of 2,048 bits and seals its private half for `place`; the public half is
    /// named `kid`. It takes a good part of a second: not on a thread that serves others.
    pub fn generate_rsa_key(
        &self,
        place: &Place,
        kid: &str,
        rng: &dyn Rng,
    ) -> Result<(Sealed<SigningKey>, RsaPublicKey), Error> {
        let failed = |_| Error::internal("the crypto library could not make an RSA key");
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let document: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let public = RsaPublicKey::from_der(kid, pair.public_key().as_ref())?;
        Ok((self.seal_bytes(place, document.as_ref(), rng)?, public))
    }
}

impl Opener {
    /// Opens an RSA key named `kid` for use. The errors are those of [`Opener::open`].
    pub fn rsa_signer(
        &self,
        place: &Place,
        kid: &str,
        sealed: &Sealed<SigningKey>,
    ) -> Result<RsaSigner, Error> {
        let bytes = self.open_bytes(place, sealed)?;
        let malformed = |_| Error::internal("a sealed RSA key is malformed");
        let pair = KeyPair::from_pkcs8(&bytes).map_err(malformed)?;
        Ok(RsaSigner { pair, kid: kid.to_owned() })
    }
}

impl RsaSigner {
    /// The key's name, for the token's header.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The signature of `signing_input` (a JWS's header and payload, base64url with a dot between).
    pub fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let rng = SystemRandom::new();
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &rng, signing_input, &mut signature);
        signed.map_err(|_| Error::internal("signing failed"))?;
        Ok(signature)
    }
}

impl RsaPublicKey {
    /// The key named `kid` whose `RSAPublicKey` (RFC 8017, A.1.1) is `der`. Anything else is an
    /// internal error, since keys come from the store.
    pub fn from_der(kid: &str, der: &[u8]) -> Result<Self, Error> {
        let refused = |_| Error::internal(format!("the public key {kid:?} is not one of RSA"));
        let key = PublicKey::from_der(der).map_err(refused)?;
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(refused)?;
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            kid: kid.to_owned(),
            der: der.to_vec(),
            modulus: text(key.modulus().big_endian_without_leading_zero()),
            exponent: text(key.exponent().big_endian_without_leading_zero()),
            parsed,
        })
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The `RSAPublicKey`, for the store.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The member `n` of its JWK (RFC 7518, 6.3.1.1).
    pub fn n(&self) -> &str {
        &self.modulus
    }

    /// The member `e` of its JWK (RFC 7518, 6.3.1.2).
    pub fn e(&self) -> &str {
        &self.exponent
    }

    /// Whether `signature` is this key's for exactly `signing_input`.
    pub fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signing_input, signature).is_ok()
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({:?})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::vault::fixture::vault_of;
    use tollgate_kernel::SeededRng;

    fn place(row: &str) -> Place {
        Place {
            table: "signing_keys",
            column: "sealed",
            row: row.into(),
            owner: "installation".into(),
            version: 1,
        }
    }

    #[test]
    fn what_is_signed_verifies_at_its_place_alone() {
        let ((vault, opener), (_, foreign)) = (vault_of(1), vault_of(2));
        let (sealed, public) =
            vault.generate_rsa_key(&place("a"), "a", &SeededRng::new(1)).unwrap();
        let signer = opener.rsa_signer(&place("a"), "a", &sealed).unwrap();
        let signature = signer.sign(b"header.payload").unwrap();
        assert_eq!((signature.len(), signer.kid(), public.e()), (256, "a", "AQAB"));
        let stored = RsaPublicKey::from_der("a", public.der()).unwrap();
        assert!(stored.verify(b"header.payload", &signature));
        assert_eq!(stored.n().len(), 342);
        assert!(!stored.verify(b"header.payloae", &signature));
        assert!(!stored.verify(b"header.payload", &signature[..255]));
        assert!(opener.rsa_signer(&place("b"), "a", &sealed).is_err());
        assert!(foreign.rsa_signer(&place("a"), "a", &sealed).is_err());
        // A key of the one algorithm is none of the other.
        assert!(opener.signer(&place("a"), &sealed).is_err());
        let ec = vault.generate_signing_key(&place("a"), "a", &SeededRng::new(1)).unwrap();
        assert!(opener.rsa_signer(&place("a"), "a", &ec.0).is_err());
        assert!(RsaPublicKey::from_der("a", ec.1.point()).is_err());
    }
}
