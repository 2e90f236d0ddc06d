//! Every kind of error in every dialect, byte for byte, as one file.

use std::fmt::Write;

use super::*;

fn look(locale: Locale) -> Look {
    Look {
        locale,
        theme: Theme::System,
        stylesheet: "/assets/tollgate.css".to_owned(),
        brand: "Tollgate".to_owned(),
        json: false,
    }
}

async fn said(title: &str, error: &Error, dialect: Dialect, look: Option<&Look>) -> String {
    let id = RequestId::from_uuid(Default::default());
    let response = render(error, dialect, id, look);
    let mut out = format!("=== {title}\n{}\n", response.status().as_u16());
    for (name, value) in response.headers() {
        let _ = writeln!(out, "{name}: {}", value.to_str().expect("text"));
    }
    out + "\n" + &crate::testing::text(response).await + "\n\n"
}

#[tokio::test]
async fn every_kind_in_every_dialect_is_as_committed() {
    let mut all = String::new();
    let en = look(Locale::En);
    for kind in Kind::ALL {
        let error = Error::new(kind, "What is <wrong>. What to do.");
        for dialect in [Dialect::Problem, Dialect::OpenAi, Dialect::Html] {
            all += &said(&format!("{kind:?} as {dialect:?}"), &error, dialect, Some(&en)).await;
        }
        for dialect in [Dialect::OAuth, Dialect::Bearer] {
            all += &said(&format!("{kind:?} as {dialect:?}"), &error, dialect, None).await;
        }
    }
    for code in OAuthCode::ALL {
        let error = Error::oauth(code, "What is \"wrong\" \u{2014} and more.");
        for dialect in [Dialect::OAuth, Dialect::Bearer] {
            all += &said(&format!("{code:?} as {dialect:?}"), &error, dialect, None).await;
        }
    }
    let waits = [(Kind::RateLimited, 1_500), (Kind::RateLimited, 60_000)];
    let longer = [(Kind::RateLimited, 60_001), (Kind::BudgetExhausted, 86_400_000)];
    for (kind, ms) in waits.into_iter().chain(longer) {
        let wait = std::time::Duration::from_millis(ms);
        let error = Error::new(kind, "Wait.").with_retry_after(wait).with_param("model");
        for dialect in [Dialect::Problem, Dialect::OpenAi] {
            all +=
                &said(&format!("{kind:?} for {ms} ms as {dialect:?}"), &error, dialect, None).await;
        }
    }
    for locale in [Locale::Ja, Locale::ZhHans] {
        let title = format!("NotFound as Html in {}", locale.tag());
        all += &said(&title, &Error::not_found(), Dialect::Html, Some(&look(locale))).await;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/errors.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &all).expect("the snapshot can be written");
    }
    let committed = std::fs::read_to_string(path).expect("the snapshot is there");
    for (line, (ours, theirs)) in all.lines().zip(committed.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {} of errors.txt; UPDATE=1 writes it anew", line + 1);
    }
    assert_eq!(all.len(), committed.len(), "errors.txt; UPDATE=1 writes it anew");
}

#[test]
fn t80_what_an_error_repeats_is_text() {
    let error = Error::invalid("<script>alert(1)</script>").with_param("\"><img>");
    let look = look(Locale::En);
    let id = RequestId::from_uuid(Default::default());
    let w = shell_words(Locale::En);
    let page = ErrorPage {
        look: &look,
        w,
        code: "x",
        detail: error.detail(),
        param: error.param(),
        blame: "error-blame-us",
        request_id: id.to_string(),
    };
    let html = page.render().expect("it renders");
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("Tollgate cannot continue this request"));
    assert!(html.contains("id=\"error-page\"") && html.contains("id=\"error-code\""));
}

#[test]
fn og20_what_a_retry_cannot_cure_says_so() {
    let id = RequestId::from_uuid(Default::default());
    for kind in Kind::ALL {
        let response = render(&Error::new(kind, "x"), Dialect::OpenAi, id, None);
        let stop = response.headers().get("x-should-retry").is_some();
        let retried = match kind {
            Kind::RateLimited | Kind::BudgetInUse => true,
            Kind::UpstreamQuota | Kind::UpstreamRefused => false,
            kind => kind.blame() != Blame::Caller,
        };
        assert_eq!(stop, !retried, "{kind:?}");
    }
}

#[test]
fn og65_no_fault_of_ours_is_a_401() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.blame() != Blame::Caller) {
        assert!(spoken(kind).status.is_server_error(), "{kind:?}");
    }
}
