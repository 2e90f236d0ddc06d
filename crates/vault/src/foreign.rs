//! Public keys of others, and what their signatures are checked with. Nothing here is secret; it
//! stands here because this is the crate that names the crypto library.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_protocol::sign_in::{Algorithm, Curve, Jwk, KeyMaterial};

/// Whether `key` made `signature` over `signing_input` with `algorithm` (RFC 7518, 3; RFC 8037,
/// 3.1). The algorithm has to be one of the key's; RSA keys have 2,048 to 8,192 bits; what is no
/// key has made nothing.
pub fn is_signed_by(
    key: &Jwk,
    algorithm: Algorithm,
    signing_input: &[u8],
    signature: &[u8],
) -> bool {
    if !key.fits(algorithm) {
        return false;
    }
    let verified = match &key.material {
        KeyMaterial::Rsa { n, e } => rsa(algorithm).and_then(|parameters| {
            RsaPublicKeyComponents { n, e }.verify(parameters, signing_input, signature).ok()
        }),
        KeyMaterial::Ec { curve, point } => {
            let parameters = match curve {
                Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                Curve::P521 => &ECDSA_P521_SHA512_FIXED,
            };
            let key = ParsedPublicKey::new(parameters, point).ok();
            key.and_then(|key| key.verify_sig(signing_input, signature).ok())
        }
        KeyMaterial::Ed25519 { x } => {
            let key = ParsedPublicKey::new(&ED25519, x).ok();
            key.and_then(|key| key.verify_sig(signing_input, signature).ok())
        }
    };
    verified.is_some()
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => return None,
    })
}

/// What `at_hash` says of `token` in an ID token that is signed with `algorithm`: the left half of
/// its hash (OpenID Connect Core 1.0, 3.1.3.6), base64url.
pub fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &digest::SHA256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &digest::SHA384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 | Algorithm::EdDsa => {
            &digest::SHA512
        }
    };
    let whole = digest::digest(hash, token.as_bytes());
    let (left, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// The challenge that is sent for a proof key: `S256` of its `verifier` (RFC 7636, 4.2).
pub fn pkce_challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
    };

    use super::*;

    const INPUT: &[u8] = b"header.payload";

    fn key(material: KeyMaterial) -> Jwk {
        Jwk { kid: None, algorithm: None, material }
    }

    /// Modulus and exponent of a key: `SEQUENCE { INTEGER n, INTEGER e }` stands at the end.
    fn rsa_key(pair: &RsaKeyPair) -> Jwk {
        let der = pair.public_key().as_der().unwrap();
        let der: &[u8] = der.as_ref();
        let length = pair.public_modulus_len();
        // Ends with 02 03 01 00 01.
        let n = der[der.len() - 5 - length..der.len() - 5].to_vec();
        key(KeyMaterial::Rsa { n, e: der[der.len() - 3..].to_vec() })
    }

    fn signed(pair: &RsaKeyPair, algorithm: Algorithm) -> Vec<u8> {
        let encoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Ps384 => &RSA_PSS_SHA384,
            _ => &RSA_PSS_SHA512,
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), INPUT, &mut signature).unwrap();
        signature
    }

    /// The algorithms under which it counts.
    fn counts_as(key: &Jwk, signature: &[u8]) -> Vec<Algorithm> {
        let counts = |algorithm: &Algorithm| is_signed_by(key, *algorithm, INPUT, signature);
        Algorithm::ALL.into_iter().filter(counts).collect()
    }

    #[test]
    fn j2_an_rsa_signature_counts_under_its_algorithm_alone() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let key = rsa_key(&pair);
        for algorithm in Algorithm::ALL.into_iter().take(6) {
            let mut signature = signed(&pair, algorithm);
            assert_eq!(counts_as(&key, &signature), [algorithm]);
            assert!(!is_signed_by(&key, algorithm, b"header.other", &signature));
            signature[9] ^= 1;
            assert!(!is_signed_by(&key, algorithm, INPUT, &signature));
            assert!(!is_signed_by(&key, algorithm, INPUT, &[]));
        }
        let pinned = Jwk { algorithm: Some(Algorithm::Ps256), ..key };
        assert!(counts_as(&pinned, &signed(&pair, Algorithm::Rs256)).is_empty());
        let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        assert!(counts_as(&pinned, &signed(&other, Algorithm::Ps256)).is_empty());
    }

    #[test]
    fn j18_short_rsa_keys_check_nothing() {
        // Any signature fits a modulus of a few bits and an exponent of 1.
        for n in [vec![0xff; 128], vec![0x0f], Vec::new()] {
            let short = key(KeyMaterial::Rsa { n: n.clone(), e: vec![1] });
            assert!(counts_as(&short, &n).is_empty());
        }
    }

    #[test]
    fn j17_j19_an_ec_signature_counts_on_its_curve_alone() {
        let curves: [(&EcdsaSigningAlgorithm, Curve, Algorithm, usize); 3] = [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, Curve::P256, Algorithm::Es256, 64),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, Curve::P384, Algorithm::Es384, 96),
            (&ECDSA_P521_SHA512_FIXED_SIGNING, Curve::P521, Algorithm::Es512, 132),
        ];
        for (signing, curve, algorithm, length) in curves {
            let pair = EcdsaKeyPair::generate(signing).unwrap();
            let point = pair.public_key().as_ref().to_vec();
            let public = key(KeyMaterial::Ec { curve, point: point.clone() });
            let signature = pair.sign(&SystemRandom::new(), INPUT).unwrap();
            assert_eq!(signature.as_ref().len(), length);
            assert_eq!(counts_as(&public, signature.as_ref()), [algorithm]);
            assert!(counts_as(&public, &vec![0; length]).is_empty());
            let mut off_curve = point;
            off_curve[5] ^= 1;
            let off_curve = key(KeyMaterial::Ec { curve, point: off_curve });
            assert!(counts_as(&off_curve, signature.as_ref()).is_empty());
        }
    }

    #[test]
    fn an_ed25519_signature_counts() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = key(KeyMaterial::Ed25519 { x: pair.public_key().as_ref().to_vec() });
        assert_eq!(counts_as(&public, pair.sign(INPUT).as_ref()), [Algorithm::EdDsa]);
        assert!(counts_as(&public, &[0; 64]).is_empty());
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        // RFC 7636, appendix B.
        let challenge = pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        // OpenID Connect Core 1.0, A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
