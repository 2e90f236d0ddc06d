//! Apps, and how they sign people in.

use super::*;

#[tokio::test]
async fn an_app_is_registered_and_disabled_by_form() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let fields = [("name", "bot"), ("kind", "confidential"), ("plan", "small")];
    let (status, place, _) = house.submit(&ada, "/admin/new-app", &fields).await;
    assert_eq!(status, 303);
    assert_eq!(house.last_act().await.0, "client.create");
    let (_, html) = house.page(&ada, &place).await;
    assert!(html.contains("Saved.") && html.contains("/keys\">Keys of bot"), "{html}");
    let path = place.split('?').next().unwrap();
    let fields = [("name", "robot"), ("plan", ""), ("state", "disabled")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let app = house.done("GET", "/api/v1/clients", Value::Null).await["items"][0].clone();
    assert_eq!((&app["name"], &app["plan"]), (&json!("robot"), &Value::Null));
    assert_eq!(app["state"], "disabled");
    for (field, fields) in [
        ("name", [("name", " "), ("plan", ""), ("state", "active")]),
        ("plan", [("name", "a"), ("plan", "gone"), ("state", "active")]),
    ] {
        let (status, _, html) = house.submit(&ada, path, &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
}

#[tokio::test]
async fn how_an_app_signs_people_in_is_a_form_and_its_secret_shown_once() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let app = house.done("POST", "/api/v1/clients", json!({"name": "<b>shop"})).await;
    let id = app["client_id"].as_str().unwrap();
    let path = format!("/admin/apps/{id}/sign-in");
    let (_, html) = house.page(&ada, &format!("/admin/apps/{id}")).await;
    assert!(html.contains(&path), "{html}");
    let (_, html) = house.page(&ada, &path).await;
    assert!(html.contains(id) && !html.contains("<b>shop"), "{html}");
    let lives = [("access_token_s", "60"), ("refresh_token_s", "3600")];
    let uris = "https://shop.example.com/cb\r\nhttp://127.0.0.1/cb";
    let mut fields = vec![
        ("redirect_uris", uris),
        ("origins", "https://shop.example.com"),
        ("grants", "authorization_code refresh_token"),
        ("scopes", ""),
        ("auth_method", "client_secret_post"),
        ("legacy", "on"),
        ("user_header", "on"),
    ];
    fields.extend(lives);
    let (status, place, _) = house.submit(&ada, &path, &fields).await;
    assert_eq!((status, place), (303, format!("{path}?saved=1")));
    let stored = house.done("GET", &format!("/api/v1/clients/{id}"), Value::Null).await;
    let addresses = ["https://shop.example.com/cb", "http://127.0.0.1/cb"];
    assert_eq!(stored["redirect_uris"], json!(addresses));
    assert_eq!(stored["grants"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(stored["auth_method"], "client_secret_post");
    assert_eq!((&stored["legacy"], &stored["user_header"]), (&json!(true), &json!(true)));
    assert_eq!(stored["access_token_s"], 60);
    for (field, typed) in [
        ("redirect_uris", "http://shop.example.com/cb"),
        ("origins", "https://shop.example.com/x"),
        ("grants", "password"),
        ("resources", "https://unknown.example.com"),
        ("access_token_s", "3601"),
        ("refresh_token_s", "soon"),
    ] {
        let mut fields = vec![(field, typed)];
        fields.extend(lives.iter().filter(|(name, _)| *name != field));
        let (status, _, html) = house.submit(&ada, &path, &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
    // The secret is in the answer that made it, and never again.
    let secret = format!("/admin/apps/{id}/secret");
    let (status, _, html) = house.submit(&ada, &secret, &lives).await;
    assert_eq!((status, house.last_act().await.0.as_str()), (200, "client.secret"));
    let shown = html.split("tg_secret_").nth(1).unwrap().split('<').next().unwrap();
    assert!(shown.len() > 30 && html.contains(id), "{html}");
    assert!(!house.page(&ada, &path).await.1.contains(shown));
    let (_, _, again) = house.submit(&ada, &secret, &lives).await;
    assert!(!again.contains(shown), "another one");
}
