//! Problem documents (RFC 9457): how the management API says what went wrong.

use serde::Serialize;

use crate::json::to_json;

/// The media type of a problem document (RFC 9457, 6.1).
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A problem document. It has no `type`: `code` tells problems apart, so the type is `about:blank`,
/// which RFC 9457 (4.2.1) lets us leave out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem<'a> {
    /// The status of the answer that carries it.
    pub status: u16,
    /// The stable name of the kind of error, for software.
    pub code: &'a str,
    /// The kind of error in a few words, the same each time.
    pub title: &'a str,
    /// What is wrong with this request, and what to do.
    pub detail: &'a str,
    /// The member of the request that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<&'a str>,
    /// The `x-request-id` of the answer.
    pub request_id: &'a str,
}

impl Problem<'_> {
    /// The document as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_rfc_9457_and_ours() {
        let mut problem = Problem {
            status: 400,
            code: "invalid_request",
            title: "The request is invalid",
            detail: "\"x\" is not\na name",
            param: Some("id"),
            request_id: "0193",
        };
        assert_eq!(
            String::from_utf8_lossy(&problem.to_json()),
            r#"{"status":400,"code":"invalid_request","title":"The request is invalid","#
                .to_owned()
                + r#""detail":"\"x\" is not\na name","param":"id","request_id":"0193"}"#
        );
        problem.param = None;
        assert!(!String::from_utf8_lossy(&problem.to_json()).contains("param"));
    }
}
