//! The public keys of a provider (RFC 7517, RFC 7518 6, RFC 8037 2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tollgate_kernel::Error;

/// The most keys of a set that are looked at.
const MAX_KEYS: usize = 64;

/// A signature algorithm (RFC 7518, 3.1; RFC 8037, 3.1). None is symmetric, and `none` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All that are read.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// Its registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, exactly as it is registered.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// A curve of RFC 7518, 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// The length of a coordinate, in bytes.
    const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The numbers of a public key, big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// RSA.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// A point on a curve.
    Ec {
        /// The curve.
        curve: Curve,
        /// The point, uncompressed (SEC 1, 2.3.3). Whether it is on the curve is not known.
        point: Vec<u8>,
    },
    /// Ed25519.
    Ed25519 {
        /// The public key: 32 bytes.
        x: Vec<u8>,
    },
}

/// A public key that may check signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// Its name, opaque.
    pub kid: Option<String>,
    /// The one algorithm that it is for, if it says so.
    pub algorithm: Option<Algorithm>,
    /// Its numbers.
    pub material: KeyMaterial,
}

impl Jwk {
    /// Whether this key may check signatures of `algorithm`: the key decides, not the token.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let can = match &self.material {
            KeyMaterial::Rsa { .. } => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            KeyMaterial::Ec { curve, .. } => match curve {
                Curve::P256 => algorithm == Es256,
                Curve::P384 => algorithm == Es384,
                Curve::P521 => algorithm == Es512,
            },
            KeyMaterial::Ed25519 { .. } => algorithm == EdDsa,
        };
        can && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// The keys of a provider that may check signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jwks(Vec<Jwk>);

impl Jwks {
    /// Reads a set of keys. Keys that are symmetric, private, for encryption, of another kind or
    /// malformed are left out; an error only where this is no set at all.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let set: Set<'_> =
            serde_json::from_slice(body).map_err(|_| Error::invalid("This is no set of keys."))?;
        let keys = set.keys.into_iter().take(MAX_KEYS);
        Ok(Self(keys.filter_map(|key| jwk(key.get())).collect()))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The key that is called `kid` and may check signatures of `algorithm`. Without a `kid` the
    /// only one that may.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut fitting = self.0.iter().filter(|key| key.fits(algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// A private part. Whoever published it has lost the key.
    d: Option<IgnoredAny>,
}

fn jwk(text: &str) -> Option<Jwk> {
    let key: RawKey = serde_json::from_str(text).ok()?;
    let is_for_signatures = key.r#use.as_deref().is_none_or(|r#use| r#use == "sig")
        && key.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !is_for_signatures || key.d.is_some() {
        return None;
    }
    let algorithm = match &key.alg {
        None => None,
        Some(name) => Some(Algorithm::named(name)?),
    };
    let material = match key.kty.as_str() {
        "RSA" => KeyMaterial::Rsa { n: number(key.n)?, e: number(key.e)? },
        "EC" => {
            let curve = Curve::named(&key.crv?)?;
            let (x, y) = (number(key.x)?, number(key.y)?);
            if x.len() != curve.width() || y.len() != curve.width() {
                return None;
            }
            KeyMaterial::Ec { curve, point: [&[4], &x[..], &y[..]].concat() }
        }
        "OKP" if key.crv.as_deref() == Some("Ed25519") => {
            KeyMaterial::Ed25519 { x: number(key.x).filter(|x| x.len() == 32)? }
        }
        _ => return None,
    };
    Some(Jwk { kid: key.kid, algorithm, material })
}

fn number(text: Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn set(keys: &[String]) -> Jwks {
        Jwks::parse(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes()).unwrap()
    }

    fn ec(more: &str) -> String {
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{more}}}"#)
    }

    fn rsa(more: &str) -> String {
        format!(r#"{{"kty":"RSA","n":"{X}","e":"AQAB"{more}}}"#)
    }

    #[test]
    fn a_key_is_found_by_its_name_and_fits_its_algorithms() {
        let set = set(&[ec(r#","kid":"a""#), rsa(r#","kid":"b""#), rsa(r#","kid":"a""#)]);
        assert_eq!(set.count(), 3);
        assert!(set.find(Some("a"), Algorithm::Es256).is_some());
        let rsa = set.find(Some("a"), Algorithm::Ps512).unwrap();
        assert!(matches!(&rsa.material, KeyMaterial::Rsa { e, .. } if *e == [1, 0, 1]));
        assert!(set.find(Some("b"), Algorithm::Es256).is_none());
        assert!(set.find(Some("c"), Algorithm::Es256).is_none());
        assert!(set.find(None, Algorithm::Es256).is_some(), "the only one");
        assert!(set.find(None, Algorithm::Rs256).is_none(), "one of two");
    }

    #[test]
    fn j2_j19_the_key_decides_for_which_algorithm_it_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.as_str()), Some(algorithm));
            let fits = |key: String| set(&[key]).find(None, algorithm).is_some();
            assert_eq!(fits(ec("")), algorithm == Algorithm::Es256);
            assert_eq!(fits(ec(r#","alg":"ES256""#)), algorithm == Algorithm::Es256);
            assert!(!fits(ec(r#","alg":"RS256""#)));
            let is_rsa = algorithm.as_str().starts_with(['R', 'P']);
            assert_eq!(fits(rsa("")), is_rsa);
            assert_eq!(fits(rsa(r#","alg":"PS256""#)), algorithm == Algorithm::Ps256);
        }
        for name in ["none", "NONE", "HS256", "HS512", "rs256", "ES256K", "", "RS256 "] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn keys_that_check_no_signatures_are_left_out() {
        for key in [
            format!(r#"{{"kty":"oct","k":"{X}"}}"#),
            ec(r#","use":"enc""#),
            ec(r#","key_ops":["encrypt"]"#),
            ec(&format!(r#","d":"{X}""#)),
            ec(r#","alg":"HS256""#),
            rsa(r#","n":"AQAB""#),
            r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(),
            r#"{"kty":"RSA","n":"","e":"AQAB"}"#.to_owned(),
            format!(r#"{{"kty":"EC","crv":"P-384","x":"{X}","y":"{Y}"}}"#),
            format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{X}","y":"{Y}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"AQAB"}}"#),
            format!(r#"{{"kty":"OKP","crv":"X25519","x":"{X}"}}"#),
            "{}".to_owned(),
            "7".to_owned(),
        ] {
            assert_eq!(set(std::slice::from_ref(&key)).count(), 0, "{key}");
        }
        assert_eq!(set(&[format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#)]).count(), 1);
        assert_eq!(set(&vec![ec(""); MAX_KEYS + 1]).count(), MAX_KEYS);
        for bad in ["", "[]", "{}", "{\"keys\":7}", "<html>"] {
            assert!(Jwks::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
