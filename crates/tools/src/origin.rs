//! Whose pages may have a browser ask at a tool (G7).

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use tollgate_kernel::{Error, Kind};
use tollgate_store::ToolRecord;

use crate::place::Places;

/// The hosts of plugins: on a development machine their pages ask from the browser (PG-05).
pub(crate) const HOSTS: [&str; 2] = ["https://chat.openai.com", "https://chatgpt.com"];

/// Refuses what a page of somebody else's has a browser ask. What has no `Origin` comes from no
/// page. Who asks from elsewhere with a credential is a program, and sends none.
pub(crate) fn check_origin(
    places: &Places,
    tool: &ToolRecord,
    headers: &HeaderMap,
) -> Result<(), Error> {
    let mut said = headers.get_all(ORIGIN).iter();
    let Some(first) = said.next() else { return Ok(()) };
    let origin = first.to_str().ok().filter(|_| said.next().is_none());
    if origin.is_some_and(|origin| is_known(places, tool, headers, origin)) {
        return Ok(());
    }
    Err(Error::new(
        Kind::CrossSite,
        "A page of another site made this request. Tools are called by programs, without the \
         header Origin, or from pages of their own.",
    ))
}

fn is_known(places: &Places, tool: &ToolRecord, headers: &HeaderMap, origin: &str) -> bool {
    if origin == places.origin() || HOSTS.contains(&origin) {
        return true;
    }
    // On loopback this machine has several names; the edge has checked that this is one of them.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let same =
        places.is_loopback() && origin.strip_prefix("http://").is_some_and(|it| host == Some(it));
    same || places.own_origins(tool).iter().any(|own| own == origin)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::HeaderValue;
    use tollgate_kernel::Slug;
    use tollgate_store::ToolAuth;

    use super::*;

    fn allowed(public_url: &str, origins: &[&str], host: &str) -> bool {
        let places = Places::new(&public_url.parse().unwrap(), false);
        let id = Slug::parse("todo").unwrap();
        let mut tool = ToolRecord::new(id, "http://127.0.0.1:9000".to_owned(), ToolAuth::None);
        tool.host = Some("todo.example.com".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(host).unwrap());
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        check_origin(&places, &tool, &headers).is_ok()
    }

    #[test]
    fn g7_pages_of_others_ask_nothing() {
        let ours = "https://ai.example.com";
        for good in [
            &[][..],
            &[ours],
            &["https://todo.example.com"],
            &["https://chat.openai.com"],
            &["https://chatgpt.com"],
        ] {
            assert!(allowed(ours, good, "todo.example.com"), "{good:?}");
        }
        for bad in [
            &["null"][..],
            &[""],
            &["https://evil.example"],
            &["https://badtodo.example.com"],
            &["https://todo.example.com.evil.example"],
            &["https://todo.example.com:8443"],
            &["http://todo.example.com"],
            &["https://todo.example.com/"],
            &["HTTPS://TODO.EXAMPLE.COM"],
            &["https://\u{e9}"],
            &[ours, ours],
            &[ours, "https://evil.example"],
        ] {
            assert!(!allowed(ours, bad, "todo.example.com"), "{bad:?}");
        }
        assert!(!allowed(ours, &["http://todo.evil.example"], "todo.evil.example"));
    }

    #[test]
    fn g7_on_loopback_each_name_of_this_machine_is_its_own_site() {
        let near = "http://localhost:8080";
        for origin in ["http://localhost:8080", "http://todo.localhost:8080"] {
            assert!(allowed(near, &[origin], "todo.localhost:8080"), "{origin}");
        }
        assert!(allowed(near, &["http://127.0.0.1:8080"], "127.0.0.1:8080"));
        for origin in ["http://127.0.0.1:8080", "http://localhost:3000", "http://evil.localhost"] {
            assert!(!allowed(near, &[origin], "todo.localhost:8080"), "{origin}");
        }
    }
}
