//! Calls, as lists, and the reserves that a crash leaves.

use super::*;

#[tokio::test]
async fn calls_are_filtered_and_paged() {
    let house = with_entries(|now| {
        let mut calls: Vec<Call> = (1..=60).map(|n| settled(n, now)).collect();
        calls.push(Call { model: "large", state: EntryState::Failed, ..settled(61, now) });
        calls
    })
    .await;
    let ada = owner(&house).await;
    let place = |n: u8| format!("/admin/entries/{}\"", Call::id(n));
    let (_, html) = house.page(&ada, "/admin/entries").await;
    assert!(html.contains(&place(61)) && !html.contains(&place(1)));
    let next = html.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let (_, html) = house.page(&ada, next).await;
    assert!(html.contains(&place(1)) && !html.contains(&place(61)) && !html.contains("rel=\"next"));
    for (query, n) in [("state=failed", 1), ("model=large", 1), ("model=none", 0), ("key=x", 0)] {
        let (status, html) = house.page(&ada, &format!("/admin/entries?user=&{query}")).await;
        assert_eq!((status, html.matches("<tr><td").count()), (200, n), "{query}");
    }
    let (_, html) = house.page(&ada, "/admin/entries?user=nobody%40example.com").await;
    assert!(html.contains("There is nobody with this address."), "{html}");
    let (_, html) = house.page(&ada, "/admin/entries?user=owner%40example.com").await;
    assert!(html.contains("No call fits."), "{html}");
    assert_eq!(house.page(&ada, "/admin/entries?state=odd").await.0, 400);
    assert_eq!(house.page(&ada, &format!("/admin/entries/{}", Call::id(99))).await.0, 404);
}

#[tokio::test]
async fn a_reserve_is_released_by_page_and_nothing_else_is() {
    let house = House::after(Box::new(|store, now| {
        async move {
            let (unit, period) = (Unit::Tokens, Period::Month);
            let window = Window::containing(now, period, &jiff::tz::TimeZone::UTC).unwrap();
            let account = Account { holder: Holder::Installation, unit, period, window };
            let refill = Refill { account: (&account).into(), limit: 1_000, hold: 10, risk: 100 };
            let (folds, refills) = (vec![settled(1, now).fold()], vec![refill]);
            store.commit(&Batch { folds, refills, ..Batch::default() }).await.unwrap();
        }
        .boxed()
    }))
    .await;
    let ada = owner(&house).await;
    let bob = house.person("bob", Role::Member, None).await;
    let (_, html) = house.page(&ada, "/admin").await;
    let list = "/admin/entries?state=crash_reserve";
    assert!(html.contains(&format!("href=\"{list}\"")), "{html}");
    let (_, html) = house.page(&ada, list).await;
    assert!(html.contains("Tokens each month (the whole installation)"), "{html}");
    assert!(html.contains("100 tokens"), "{html}");
    let path = html.split("<td data-label=\"Time (UTC)\"><a href=\"").nth(1).unwrap();
    let path = path.split('"').next().unwrap();
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("Release reserve</button>"), "{html}");
    let call = format!("/admin/entries/{}", Call::id(1));
    let (_, html) = house.page(&ada, &call).await;
    assert!(html.contains("Settled") && !html.contains("Release reserve"), "{html}");

    let release = format!("{path}/release");
    assert_eq!(house.submit(&bob, &release, &[]).await.0, 403);
    assert_eq!(house.submit(&ada, &format!("{call}/release"), &[]).await.0, 409);
    let (status, place, _) = house.submit(&ada, &release, &[]).await;
    assert_eq!((status, place.as_str()), (303, "/admin/entries?state=crash_reserve&saved=1"));
    assert_eq!(house.last_act().await.0, "entry.release");
    assert!(house.page(&ada, &place).await.1.contains(">Released</td>"));
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("This reserve was released") && !html.contains("Release reserve"));
    assert!(!house.page(&ada, "/admin").await.1.contains("crash reserve"));
}

#[tokio::test]
async fn a_reserve_says_whose_budget_it_is() {
    let (user, key) = (UserId::from_uuid(id_of(1)), KeyId::from_uuid(id_of(2)));
    let (client, token) = (ClientId::from_uuid(id_of(3)), TokenId::from_uuid(id_of(4)));
    let holders = [
        Holder::Installation,
        Holder::Group("research".parse().unwrap()),
        Holder::User(user),
        Holder::Client(client),
        Holder::Key(key),
        Holder::Token(token),
        Holder::Model("vendor/large".to_owned()),
    ];
    let house = House::after(Box::new(move |store, now| {
        async move {
            let (unit, period) = (Unit::Calls, Period::Day);
            let window = Window::containing(now, period, &jiff::tz::TimeZone::UTC).unwrap();
            let refills = holders.into_iter().map(|holder| {
                let account = Account { holder, unit, period, window };
                Refill { account: (&account).into(), limit: 1_000, hold: 10, risk: 100 }
            });
            let refills = refills.collect();
            store.commit(&Batch { refills, ..Batch::default() }).await.unwrap();
        }
        .boxed()
    }))
    .await;
    let ada = house.known_person("ada", Role::Owner, None, (user, key)).await;
    let (_, html) = house.page(&ada, "/admin/entries?state=crash_reserve").await;
    for whose in [
        "the whole installation".to_owned(),
        "Group research".to_owned(),
        "Person ada@example.com".to_owned(),
        format!("App {client}"),
        "Key a key".to_owned(),
        format!("Access token {token}"),
        "Model vendor/large".to_owned(),
    ] {
        assert!(html.contains(&format!("Calls each day ({whose})")), "{whose}\n{html}");
    }
}

fn id_of(number: u8) -> uuid::Uuid {
    uuid::Uuid::from_u128(number.into())
}
