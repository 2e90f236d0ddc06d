//! Language and theme, chosen with a form that works without scripts.

use serde::Deserialize;
use tollgate_kernel::Error;

use super::{Locale, Theme};
use crate::context::Exchange;
use crate::csrf::safe_next;
use crate::extract::Form;
use crate::reply::{self, Reply};

/// A year.
const KEPT_S: u64 = 31_536_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    language: Option<String>,
    theme: Option<String>,
    next: String,
}

pub(super) async fn choose(exchange: Exchange, Form(choice): Form<Choice>) -> Reply {
    let names = exchange.edge().cookies();
    let mut response = reply::see_other(safe_next(&choice.next).unwrap_or("/"))?;
    if let Some(tag) = choice.language {
        let unknown = || Error::invalid("There is no such language.").with_param("language");
        let locale = Locale::parse(&tag).ok_or_else(unknown)?;
        let cookie = names.set(names.language(), locale.tag(), Some(KEPT_S))?;
        response = reply::with_cookie(response, cookie);
    }
    if let Some(name) = choice.theme {
        let unknown = || Error::invalid("There is no such theme.").with_param("theme");
        let theme = Theme::parse(&name).ok_or_else(unknown)?;
        let cookie = names.set(names.theme(), theme.name(), Some(KEPT_S))?;
        response = reply::with_cookie(response, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tollgate_kernel::Access;

    use super::*;
    use crate::route::Row;
    use crate::testing::{app_with, header, request};

    /// Status, place and cookies for a form that is sent by a browser with this pre-session.
    async fn sent(presession: &str, form: &str) -> (u16, String, Vec<String>) {
        let row = Row::post("/p", Access::Public, "Choose", choose).ignores_credentials();
        let cookie = format!("__Host-tollgate-pre={presession}");
        let mut request = request("POST", "/p", &[("cookie", &cookie)]);
        *request.body_mut() = Body::from(form.to_owned());
        let response = app_with(vec![row]).handle(request).await;
        let cookies = response.headers().get_all("set-cookie").iter();
        let cookies = cookies.map(|c| String::from_utf8_lossy(c.as_bytes()).into_owned()).collect();
        (response.status().as_u16(), header(&response, "location").to_owned(), cookies)
    }

    /// The token of the pre-session `abc`, as a form sends it.
    const TOKEN: &str = "cba%3Anoisseserp";

    #[tokio::test]
    async fn a_choice_is_kept_and_leads_back() {
        let form = format!("csrf={TOKEN}&language=ja&next=%2Faccount");
        let (status, place, cookies) = sent("abc", &form).await;
        assert_eq!((status, place.as_str()), (303, "/account"));
        let kept = "__Host-tollgate-lang=ja; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(cookies, [format!("{kept}; Max-Age=31536000")]);
        let form = format!("csrf={TOKEN}&theme=dark&next=%2F%2Fevil.example");
        let (status, place, _) = sent("abc", &form).await;
        assert_eq!((status, place.as_str()), (303, "/"), "T18");
        let form = format!("csrf={TOKEN}&theme=pink&next=%2F");
        assert_eq!(sent("abc", &form).await.0, 400);
    }

    #[tokio::test]
    async fn t8_a_form_without_its_own_browsers_token_is_refused() {
        for (presession, csrf) in [("abc", ""), ("abc", "x"), ("abd", TOKEN), ("", TOKEN)] {
            let form = format!("csrf={csrf}&theme=dark&next=%2F");
            let (status, _, cookies) = sent(presession, &form).await;
            assert_eq!((status, cookies.len()), (403, 0), "{presession} {csrf}");
        }
        assert_eq!(sent("abc", "theme=dark&next=%2F").await.0, 403);
    }
}
