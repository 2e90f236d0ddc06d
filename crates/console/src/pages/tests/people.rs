//! Who may do what to whom.

use super::*;

#[tokio::test]
async fn t87_members_see_no_admin_page() {
    let house = House::new().await;
    let bob = house.person("bob", Role::Member, None).await;
    let ada = owner(&house).await;
    let other = format!("/admin/users/{}", ada.id);
    for path in PAGES.into_iter().chain([other.as_str()]) {
        assert_eq!(house.page(&bob, path).await.0, 403, "{path}");
        let answer = house.send("GET", path, &[], "").await;
        assert_eq!(answer.status(), 303, "{path}");
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/login"));
    }
    let fields = [("role", "owner"), ("plan", ""), ("state", "active")];
    let own = format!("/admin/users/{}", bob.id);
    assert_eq!(house.submit(&bob, &own, &fields).await.0, 403);
}

#[tokio::test]
async fn roles_plans_and_states_are_changed_and_owners_are_for_owners() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let eve = house.person("eve", Role::Admin, None).await;
    let bob = house.person("bob", Role::Member, None).await;
    let form = |role: &'static str, plan: &'static str, state: &'static str| {
        [("role", role), ("plan", plan), ("state", state)]
    };
    let page = |person: &Person| format!("/admin/users/{}", person.id);
    let (status, ..) = house.submit(&eve, &page(&bob), &form("admin", "small", "active")).await;
    assert_eq!(status, 303);
    let limits = house.call(&bob.key, "GET", "/api/v1/me/limits", Value::Null).await;
    assert_eq!(limits.0, 200);

    // An admin makes no owner and touches none; the last owner stays one.
    for (target, form) in [
        (&bob, form("owner", "small", "active")),
        (&ada, form("member", "", "active")),
        (&ada, form("owner", "", "disabled")),
    ] {
        let (status, _, html) = house.submit(&eve, &page(target), &form).await;
        assert_eq!(status, 400);
        assert!(html.contains("Only an owner may do this"), "{html}");
    }
    let (status, _, html) = house.submit(&ada, &page(&ada), &form("member", "", "active")).await;
    assert_eq!(status, 400);
    assert!(html.contains("This is the last owner."), "{html}");

    // An admin key has the rights of whoever made it, here as in the API.
    let first = house.admin.as_str();
    for role in ["owner", "member"] {
        let form = form(role, "", "active");
        assert_eq!(house.submit_with_key(first, &page(&bob), &form).await, 303);
    }

    // Whoever is disabled is out at once.
    let (status, ..) = house.submit(&ada, &page(&bob), &form("member", "", "disabled")).await;
    assert_eq!(status, 303);
    assert_eq!(house.page(&bob, "/admin").await.0, 303);
    let again = form("member", "", "active");
    assert_eq!(house.submit(&ada, &page(&bob), &again).await.0, 303);
    assert_eq!(house.page(&bob, "/admin").await.0, 303, "the session is over for good");
}

#[tokio::test]
async fn k14_a_limited_admin_key_makes_no_admin_by_page() {
    let house = House::new().await;
    let bob = house.person("bob", Role::Member, None).await;
    let limited = house.limited_admin_key().await;
    let page = format!("/admin/users/{}", bob.id);
    let form = |role| [("role", role), ("plan", ""), ("state", "active")];
    let refused = house.submit_with_key(&limited, &page, &form("admin")).await;
    assert_eq!(refused, 400, "by that account it would outlive its limits");
    assert_eq!(house.submit_with_key(&limited, &page, &form("member")).await, 303);
    assert_eq!(house.submit_with_key(&house.admin, &page, &form("admin")).await, 303);
    // Nor does it change the state of those who are admins.
    let back = |state| [("role", "admin"), ("plan", ""), ("state", state)];
    assert_eq!(house.submit_with_key(&limited, &page, &back("disabled")).await, 303);
    assert_eq!(house.submit_with_key(&limited, &page, &back("active")).await, 400);
}
