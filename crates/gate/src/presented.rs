//! What a request presents to say who it is. Collected by `edge`, judged by the gate.

use tollgate_kernel::{PlainToken, RequestId};

use crate::tool_callers::AtTool;

/// The credentials of one request, nothing checked yet. It has no `Debug`.
#[derive(Default)]
pub struct Presented {
    authorization: Vec<PlainToken>,
    session: Vec<PlainToken>,
    malformed: bool,
    socket_uid: Option<u32>,
    request: Option<RequestId>,
    named: Vec<Vec<u8>>,
    at_tool: Option<Box<AtTool>>,
}

impl Presented {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token from `Authorization: Bearer` (or another header that carries one).
    pub fn bearer(&mut self, token: PlainToken) {
        self.authorization.push(token);
    }

    /// Adds our session cookie. Cookies of others are not added.
    pub fn session(&mut self, token: PlainToken) {
        self.session.push(token);
    }

    /// Notes an Authorization header that is no credential of ours: another scheme, or no text.
    pub fn malformed(&mut self) {
        self.malformed = true;
    }

    /// The request came over the socket in the data folder, from a process of this user.
    pub fn socket(&mut self, uid: u32) {
        self.socket_uid = Some(uid);
    }

    /// Adds what an app calls the person whom the request is for: the value of a `Tollgate-User`
    /// header, as it came.
    pub fn named(&mut self, name: &[u8]) {
        self.named.push(name.to_owned());
    }

    /// What an app calls the person whom the request is for, as often as it says so.
    pub(crate) fn names(&self) -> &[Vec<u8>] {
        &self.named
    }

    /// The id of the HTTP request, for the audit records of what it does.
    pub fn of_request(&mut self, id: RequestId) {
        self.request = Some(id);
    }

    /// It is presented to a tool.
    pub(crate) fn set_tool(&mut self, at: AtTool) {
        self.at_tool = Some(Box::new(at));
    }

    /// What is presented to a tool, if it is.
    pub(crate) fn take_tool(&mut self) -> Option<AtTool> {
        self.at_tool.take().map(|at| *at)
    }

    /// Whether what is presented may be a secret that somebody chose for a tool, so that trying is
    /// how to find it: such tries are to be counted before they are judged.
    pub fn is_guessable(&self) -> bool {
        self.at_tool.as_ref().is_some_and(|at| at.is_guessable())
    }

    /// The id of the HTTP request.
    pub(crate) fn request(&self) -> Option<RequestId> {
        self.request
    }

    /// Whether a session cookie is among them: then the Origin must be checked.
    pub fn has_session(&self) -> bool {
        !self.session.is_empty()
    }

    /// Whether nothing was presented.
    pub fn is_empty(&self) -> bool {
        self.authorization.is_empty()
            && self.session.is_empty()
            && !self.malformed
            && self.socket_uid.is_none()
            && self.at_tool.is_none()
    }

    /// The one token that was presented, and whether it came as a session cookie; `None` where that
    /// is not all.
    pub(crate) fn only_token(&self) -> Option<(&PlainToken, bool)> {
        if self.malformed || self.socket_uid.is_some() || self.at_tool.is_some() {
            return None;
        }
        match (self.authorization.as_slice(), self.session.as_slice()) {
            ([token], []) => Some((token, false)),
            ([], [token]) => Some((token, true)),
            _ => None,
        }
    }

    /// The one credential that was presented; an error where there are several.
    pub(crate) fn into_one(self) -> Result<One, tollgate_kernel::Error> {
        let several = self.authorization.len() + self.session.len() > 1
            || (self.malformed && !(self.authorization.is_empty() && self.session.is_empty()));
        if several {
            return Err(tollgate_kernel::Error::new(
                tollgate_kernel::Kind::AmbiguousCredentials,
                "The request carries more than one credential. Send one: an Authorization header \
                 or the session cookie, not both, and neither twice.",
            ));
        }
        if let Some(uid) = self.socket_uid {
            return Ok(One::Socket(uid));
        }
        if self.malformed {
            return Ok(One::Malformed);
        }
        let mut bearer = self.authorization.into_iter();
        let mut session = self.session.into_iter();
        match (bearer.next(), session.next()) {
            (Some(token), _) => Ok(One::Bearer(token)),
            (None, Some(token)) => Ok(One::Session(token)),
            (None, None) => Ok(One::Nothing),
        }
    }
}

/// Exactly one credential, or none.
pub(crate) enum One {
    Nothing,
    Malformed,
    Bearer(PlainToken),
    Session(PlainToken),
    Socket(u32),
}
