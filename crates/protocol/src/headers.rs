//! Names of headers, and what may stand in them.

/// The longest name of a header that a secret goes in, in bytes.
const LONGEST: usize = 64;

/// Headers that say how a message is framed, where it goes or who sends it, and what a server in
/// front of an API says for itself (RFC 9110, 7.6.1 for the hop-by-hop ones).
const RESERVED: [&str; 21] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-request-id",
];

/// The beginnings of names that say who somebody is.
const FAMILIES: [&str; 5] = ["tollgate-", "x-tollgate-", "x-forwarded-", "x-user", "sec-"];

/// Whether a secret may be sent in the header called `name`, in lower case: not where it would
/// change how the message is read or whose it is. Underscores are refused, as some servers read
/// them as hyphens.
pub fn carries_secrets(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(is_plain)
        && !RESERVED.contains(&name)
        && !FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p11_no_secret_stands_where_it_frames_a_message_or_says_who_sends_it() {
        for good in ["authorization", "x-api-key", "api-key", "x-auth-token", "accept-key"] {
            assert!(carries_secrets(good), "{good}");
        }
        for bad in [
            "",
            "Host",
            "host",
            "cookie",
            "te",
            "via",
            "content-length",
            "content-type",
            "proxy-authorization",
            "tollgate-identity",
            "x-tollgate-user",
            "x-forwarded-for",
            "sec-fetch-site",
            "x_api_key",
            "x api",
            "x-api-key\r\n",
        ] {
            assert!(!carries_secrets(bad), "{bad:?}");
        }
        assert!(!carries_secrets(&"x".repeat(LONGEST + 1)));
    }
}
