//! What the owner's "Test" finds: everything that can be found without a person.

use http::StatusCode;
use tollgate_kernel::{Error, PlainToken};
use tollgate_protocol::sign_in::{Discovery, Jwks, TokenAnswer, TokenRefusal};
use tracing::info;
use url::Url;

use super::endpoints::{Part, Place, TERMS, metadata_url, place, read_metadata};
use super::outset::{outset, random};
use super::{Provider, Returned, redirect_uri_of};
use crate::fetch::{Ask, DocumentUrl, Fault};
use crate::{Gate, Warrant};

/// One thing that the test looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What: `metadata`, `authorize`, `token`, `userinfo`, `emails`, `jwks` or `credentials`.
    pub part: &'static str,
    /// What was found, stable: `ok`; what went wrong on the way (`refused_address`, `unreachable`,
    /// `timed_out`, `redirected`, `bad_status`, `too_large`, `not_json`, `broken`); or what is
    /// wrong there (`other_issuer`, `missing`, `elsewhere`, `odd_address`, `no_keys`,
    /// `client_refused`, `redirect_uri_refused`, `unknown`).
    pub code: &'static str,
    /// Whether people can sign in in spite of it.
    pub is_good: bool,
    /// An origin or a status, to show beside it. Never words of the provider.
    pub detail: Option<String>,
}

impl Finding {
    fn good(part: &'static str) -> Self {
        Self { part, code: "ok", is_good: true, detail: None }
    }

    fn bad(part: &'static str, code: &'static str) -> Self {
        Self { part, code, is_good: false, detail: None }
    }

    fn of(part: &'static str, fault: &Fault) -> Self {
        let detail = match fault {
            Fault::Status(status) => Some(status.to_string()),
            _ => None,
        };
        Self { detail, ..Self::bad(part, fault.code()) }
    }
}

impl Gate {
    /// Tests a provider as the owner has set it: its metadata and keys as they are now, whether its
    /// endpoints answer, and what its token endpoint says to our id and secret with a code that
    /// nobody gave. An audit record is written before the secret goes out; without one that part
    /// is not tested, and the finding is `unknown`.
    pub async fn probe(&self, warrant: &Warrant, provider: &Provider) -> Vec<Finding> {
        let (metadata, mut findings) = self.probe_metadata(provider).await;
        let (mut urls, mut found) = (Vec::new(), Vec::new());
        for part in Part::ALL {
            match place(provider, metadata.as_ref(), part) {
                Place::At(url) => urls.push((part, url)),
                place => found.extend(misplaced(provider, part, place)),
            }
        }
        findings.append(&mut found);
        let at = |wanted: Part| {
            urls.iter().find(|(part, _)| *part == wanted).map(|(_, url)| url.clone())
        };
        let emails = match provider.endpoints.emails.as_ref().map(DocumentUrl::of_owner) {
            Some(Ok(url)) => Some(url),
            Some(Err(_)) => {
                findings.push(Finding::bad("emails", "odd_address"));
                None
            }
            None => None,
        };
        let (jwks, authorize, userinfo, emails, credentials) = tokio::join!(
            self.probe_keys(at(Part::Jwks)),
            self.probe_page("authorize", self.first_page(provider, at(Part::Authorize))),
            self.probe_page("userinfo", at(Part::Userinfo)),
            self.probe_page("emails", emails),
            self.probe_credentials(warrant, provider, at(Part::Token)),
        );
        findings.extend([jwks, authorize, userinfo, emails].into_iter().flatten());
        findings.extend(credentials);
        findings
    }

    async fn probe_metadata(&self, provider: &Provider) -> (Option<Discovery>, Vec<Finding>) {
        const PART: &str = "metadata";
        let needed = provider.issuer.as_ref().filter(|_| provider.endpoints.needs_metadata());
        let Some(issuer) = needed else { return (None, Vec::new()) };
        let Ok(url) = metadata_url(provider, issuer) else {
            return (None, vec![Finding::bad(PART, "odd_address")]);
        };
        let body = match self.fetcher.fetch_fresh(url, TERMS).await {
            Ok(document) => document.body,
            Err(fault) => {
                note(provider, PART, &fault);
                return (None, vec![Finding::of(PART, &fault)]);
            }
        };
        match read_metadata(provider, issuer, &body) {
            Ok(metadata) => (Some(metadata), vec![Finding::good(PART)]),
            Err(_) => (None, vec![Finding::bad(PART, "other_issuer")]),
        }
    }

    async fn probe_keys(&self, url: Option<DocumentUrl>) -> Option<Finding> {
        const PART: &str = "jwks";
        let document = self.fetcher.fetch_fresh(url?, TERMS).await;
        Some(match document.map(|document| Jwks::parse(&document.body)) {
            Ok(Ok(keys)) if keys.count() > 0 => Finding::good(PART),
            Ok(_) => Finding::bad(PART, "no_keys"),
            Err(fault) => Finding::of(PART, &fault),
        })
    }

    /// Where a browser would be sent: there are some who know nothing at the bare address.
    fn first_page(
        &self,
        provider: &Provider,
        authorize: Option<DocumentUrl>,
    ) -> Option<DocumentUrl> {
        let redirect_uri = self.redirect_uri(provider).ok()?;
        let outset = outset(authorize?.url(), provider, &redirect_uri, &*self.rng);
        DocumentUrl::of_owner(&outset.url).ok()
    }

    fn redirect_uri(&self, provider: &Provider) -> Result<Url, Error> {
        let redirect_uri = redirect_uri_of(self.tokens.issuer(), &provider.id);
        Url::parse(&redirect_uri).map_err(Error::internal)
    }

    /// Whether anything answers there: what it says without a person is its own matter.
    async fn probe_page(&self, part: &'static str, url: Option<DocumentUrl>) -> Option<Finding> {
        Some(match self.ask_provider(Ask::get(url?)).await {
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
                Finding::of(part, &Fault::Status(404))
            }
            Ok(answer) if answer.status.is_server_error() => {
                Finding::of(part, &Fault::Status(answer.status.as_u16()))
            }
            // A sign-in page may be long.
            Ok(_) | Err(Fault::TooLarge) => Finding::good(part),
            Err(fault) => Finding::of(part, &fault),
        })
    }

    async fn probe_credentials(
        &self,
        warrant: &Warrant,
        provider: &Provider,
        token: Option<DocumentUrl>,
    ) -> Vec<Finding> {
        let Some(token) = token else { return Vec::new() };
        let answer = match self.try_credentials(warrant, provider, &token).await {
            Ok(answer) => answer,
            Err(error) => {
                info!(provider = %provider.id, cause = error.cause(), "not tested: {error}");
                return vec![Finding::bad("credentials", "unknown")];
            }
        };
        let credentials = match &answer {
            Ok(TokenAnswer::Refused(refusal, _)) => match refusal {
                TokenRefusal::Client => Finding::bad("credentials", "client_refused"),
                TokenRefusal::RedirectUri => Finding::bad("credentials", "redirect_uri_refused"),
                TokenRefusal::Grant => Finding::good("credentials"),
                TokenRefusal::Other => {
                    Finding { is_good: true, ..Finding::bad("credentials", "unknown") }
                }
            },
            Ok(_) => Finding { is_good: true, ..Finding::bad("credentials", "unknown") },
            Err(fault) => {
                note(provider, "token", fault);
                return vec![Finding::of("token", fault)];
            }
        };
        vec![Finding::good("token"), credentials]
    }

    async fn try_credentials(
        &self,
        warrant: &Warrant,
        provider: &Provider,
        token: &DocumentUrl,
    ) -> Result<Result<TokenAnswer, Fault>, Error> {
        self.note(warrant.principal(), "provider.test", provider).await?;
        let redirect_uri = self.redirect_uri(provider)?;
        let returned = Returned {
            code: PlainToken::new(format!("tollgate-test-{}", random(&*self.rng).expose())),
            iss: None,
            nonce: random(&*self.rng),
            verifier: random(&*self.rng),
        };
        self.token_answer(provider, token, &redirect_uri, &returned).await
    }
}

/// What is wrong with a part that is not at an address of its own.
fn misplaced(provider: &Provider, part: Part, place: Place) -> Option<Finding> {
    let has_issuer = provider.issuer.is_some();
    // The ID token says who came, where there is one.
    let is_good = has_issuer && part == Part::Userinfo;
    let (code, detail) = match place {
        Place::At(_) => return None,
        Place::Unknown if is_good || !has_issuer && part == Part::Jwks => return None,
        Place::Unknown => ("missing", None),
        Place::Elsewhere(origin) => ("elsewhere", Some(origin)),
        Place::Odd(_) => ("odd_address", None),
    };
    Some(Finding { part: part.as_str(), code, is_good, detail })
}

fn note(provider: &Provider, part: &str, fault: &Fault) {
    info!(provider = %provider.id, part, cause = %fault, "the test of a sign-in provider failed");
}
