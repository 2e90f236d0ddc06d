//! Authorization requests: what is refused, where, and how.

use serde_json::json;
use tollgate_testkit::Answer;

use super::{App, CALLBACK, House, text, told};

#[tokio::test]
async fn t19_an_unknown_app_or_address_is_told_to_the_person() {
    let house = House::new().await;
    let app = house.public().await;
    let nobody = App { id: "01939000-0000-7000-8000-000000000001".to_owned(), secret: None };
    let cases = [
        (house.request(&nobody, &[]), "client_id"),
        (house.request(&app, &[("client_id", "")]), "client_id"),
        (house.request(&app, &[("client_id", "flask")]), "client_id"),
        (house.request(&app, &[("redirect_uri", "https://evil.example/cb")]), "redirect_uri"),
        (house.request(&app, &[("redirect_uri", "javascript:alert(1)")]), "redirect_uri"),
    ];
    for (request, param) in cases {
        let answer = house.browser.get(&request).await.unwrap();
        assert_eq!(answer.status, 400, "{request}");
        assert_eq!(answer.header("location"), "", "{request}");
        assert!(answer.text.contains("Tollgate cannot continue this request"), "{request}");
        assert!(answer.text.contains(&format!("id=\"error-param\">{param}<")), "{}", answer.text);
    }
    house.stop().await;
}

#[tokio::test]
async fn t13_addresses_are_compared_byte_for_byte() {
    let house = House::new().await;
    let app = house.public().await;
    let tricks = [
        "https://app.example@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/cb/",
        "https://app.example/cb?a=b",
        "https://app.example/%63b",
        "https://app.example./cb",
        "https://app.example/\tcb",
        "https://APP.example/cb",
        "https://\u{430}pp.example/cb",
        "http://app.example/cb",
    ];
    for trick in tricks {
        let request = house.request(&app, &[("redirect_uri", trick)]);
        let answer = house.browser.get(&request).await.unwrap();
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{trick}");
    }
    house.stop().await;
}

#[tokio::test]
async fn t9_a_parameter_that_comes_twice_is_refused() {
    let house = House::new().await;
    let app = house.public().await;
    let request = house.request(&app, &[]);
    for twice in ["redirect_uri=https%3A%2F%2Fevil.example", "client_id=x", "state=x", "scope=x"] {
        let answer = house.browser.get(&format!("{request}&{twice}")).await.unwrap();
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{twice}");
    }
    let code = house.code(&app, &[]).await;
    let mut form = house.redemption(&app, &code);
    form.push(("code", code.clone()));
    assert_eq!(super::refused(&house.token(&form).await), (400, "invalid_request".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn g19_every_answer_says_once_who_answers_and_repeats_the_state() {
    let house = House::new().await;
    let app = house.public().await;
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "nothing here")], "invalid_scope"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://a.example")], "request_uri_not_supported"),
        (&[("prompt", "none")], "consent_required"),
        (&[("prompt", "none login")], "invalid_request"),
    ];
    for (changes, error) in cases {
        let answer = house.browser.get(&house.request(&app, changes)).await.unwrap();
        assert!(answer.header("location").starts_with(CALLBACK), "{changes:?}");
        let told = told(&answer);
        assert_eq!(told["error"], error, "{changes:?}");
        assert_eq!((&*told["iss"], &*told["state"]), (&*house.server.url, "s p&a=c/e"));
    }
    let asked = house.browser.get(&house.request(&app, &[])).await.unwrap();
    let denied = told(&house.said("deny", asked).await);
    assert_eq!(denied["error"], "access_denied");
    assert_eq!((&*denied["iss"], &*denied["state"]), (&*house.server.url, "s p&a=c/e"));
    let allowed = house.allowed(&house.request(&app, &[])).await;
    assert_eq!((&*allowed["iss"], &*allowed["state"]), (&*house.server.url, "s p&a=c/e"));
    let nobody = house.server.anonymous();
    let none = nobody.get(&house.request(&app, &[("prompt", "none")])).await.unwrap();
    assert_eq!(told(&none)["error"], "login_required");
    house.stop().await;
}

#[tokio::test]
async fn t15_on_loopback_the_port_is_left_out() {
    let house = House::new().await;
    let members = serde_json::json!({"type": "public", "redirect_uris": ["http://127.0.0.1/cb"]});
    let app = house.app(members).await;
    let port = "http://127.0.0.1:53211/cb";
    let asked = house.browser.get(&house.request(&app, &[("redirect_uri", port)])).await.unwrap();
    let policy = asked.header("content-security-policy").to_owned();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:53211;"), "{policy}");
    assert!(asked.text.contains("runs on your own machine"), "the person is warned");
    let answer = house.said("allow", asked).await;
    assert!(answer.header("location").starts_with(&format!("{port}?code=tg_code_")));
    for bad in
        ["http://127.0.0.2:53211/cb", "http://localhost:53211/cb", "http://127.0.0.1.evil/cb"]
    {
        let answer =
            house.browser.get(&house.request(&app, &[("redirect_uri", bad)])).await.unwrap();
        assert_eq!(answer.status, 400, "{bad}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_request_by_form_and_by_the_old_address_is_the_same() {
    let house = House::new().await;
    let app = house.public().await;
    let request = house.request(&app, &[]);
    let (_, query) = request.split_once('?').unwrap();
    for path in ["/oauth/authorize", "/authorize"] {
        let nobody = house.server.anonymous();
        let form = nobody.request("POST", path).body(query.to_owned());
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let answer = nobody.send(form).await.unwrap();
        assert_eq!(answer.status, 303, "{}", answer.text);
        let asked = house.browser.get(answer.header("location")).await.unwrap();
        assert!(asked.text.contains("consent-form"), "{}", asked.text);
        let asked = house.browser.get(&format!("/authorize?{query}")).await.unwrap();
        assert!(asked.text.contains("consent-form"));
    }
    house.stop().await;
}

#[tokio::test]
async fn pages_of_an_app_read_answers_by_its_origins() {
    let house = House::new().await;
    let ours = "https://spa.example";
    let app = house.app(json!({"type": "public", "origins": [ours]})).await;
    let other = house.public().await;
    let nobody = house.server.anonymous();
    let readable = |answer: &Answer| answer.header("access-control-allow-origin").to_owned();
    for path in ["/oauth/token", "/token", "/oauth/userinfo", "/oauth/revoke"] {
        let request = nobody.request("OPTIONS", path).header("origin", ours);
        let request = request.header("access-control-request-method", "POST");
        let answer = nobody.send(request).await.unwrap();
        assert_eq!((answer.status, &*readable(&answer)), (204, ours), "{path}");
        assert!(answer.header("access-control-allow-headers").contains("authorization"));
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let refresh = async |app: &App, origin: &str, token: String| {
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", app.id.clone()),
            ("refresh_token", token),
        ];
        let request = nobody.request("POST", "/oauth/token").header("origin", origin);
        nobody.send(request.form(&form)).await.unwrap()
    };
    let tokens = house.tokens(&app, &[]).await;
    let answer = refresh(&app, ours, text(&tokens, "refresh_token")).await;
    assert_eq!((answer.status, &*readable(&answer)), (200, ours));
    assert!(answer.header("vary").to_ascii_lowercase().contains("origin"));
    let fresh = answer.json();
    // Errors are read too; by nobody else's pages, nor for another app.
    let answer = refresh(&app, ours, "tg_refresh_x".to_owned()).await;
    assert_eq!((answer.status, &*readable(&answer)), (400, ours));
    for (app, origin) in [(&app, "https://evil.example"), (&other, ours)] {
        let answer = refresh(app, origin, "tg_refresh_x".to_owned()).await;
        assert_eq!((answer.status, &*readable(&answer)), (400, ""), "{origin}");
    }
    let bearer = house.server.with_bearer(&text(&fresh, "access_token"));
    for (origin, said) in [(ours, ours), ("https://evil.example", "")] {
        let request = bearer.request("GET", "/oauth/userinfo").header("origin", origin);
        let answer = bearer.send(request).await.unwrap();
        assert_eq!((answer.status, &*readable(&answer)), (200, said));
    }
    house.stop().await;
}
