//! A budget's window ends: it starts anew, and what was reserved before settles where it was taken.

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Budget, LeapingClock, Period, Unit};
use tollgate_testkit::{Engine, KeySpec, PlanSpec, Setup, TestServer};

use super::until;

/// How long a busy machine may take until what is waited for is there.
const PATIENCE: Duration = Duration::from_secs(20);

const HOUR: Duration = Duration::from_secs(3_600);

/// A person under a plan of so many calls a day, whose days are those of Tokyo.
async fn caller(server: &TestServer, name: &str, limit: i64) -> String {
    let budgets = vec![Budget { unit: Unit::Calls, limit, period: Period::Day }];
    let spec = PlanSpec { budgets, time_zone: "Asia/Tokyo", ..PlanSpec::default() };
    server.add_plan(name, &spec).await.unwrap();
    let user = server.add_user(&format!("{name}@example.com"), Some(name)).await.unwrap();
    server.add_key(user, &KeySpec::default()).await.unwrap().1
}

pub(crate) async fn a_budget_starts_anew_when_its_day_ends(engine: Engine) {
    // Noon in UTC is nine in the evening in Tokyo.
    let clock = Arc::new(LeapingClock::at_noon());
    let setup = Setup { clock: clock.clone(), ..Setup::on(engine) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("slow", "chunks=4,slow-tail=4s")]).await.unwrap();
    let key = caller(&server, "alice", 3).await;
    let empty = caller(&server, "bob", 1).await;
    let (alice, bob) = (server.with_bearer(&key), server.with_bearer(&empty));

    assert_eq!(bob.chat("tollgate-demo", 5).await.unwrap().status, 200);
    let refused = bob.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (429, "insufficient_quota"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((10_000..=10_800).contains(&wait), "{wait} s until midnight in Tokyo");

    for _ in 0..2 {
        assert_eq!(alice.chat("tollgate-demo", 5).await.unwrap().status, 200);
    }
    let slow = alice.clone();
    let slow = tokio::spawn(async move { slow.chat("slow", 5).await.unwrap() });
    let held = || async { server.limits(&key).await.unwrap()[0].held == 1 };
    assert!(until(PATIENCE, held).await, "the third call is under way");
    assert_eq!(alice.chat("tollgate-demo", 5).await.unwrap().status, 429);
    let [before] = <[_; 1]>::try_from(server.limits(&key).await.unwrap()).unwrap();
    assert!(!slow.is_finished(), "the third call was reserved in the old day and is not over");

    clock.leap(2 * HOUR);
    assert_eq!(bob.chat("tollgate-demo", 5).await.unwrap().status, 429, "an hour before midnight");
    clock.leap(HOUR + Duration::from_secs(60));
    for client in [&alice, &bob] {
        let answer = client.chat("tollgate-demo", 5).await.unwrap();
        assert_eq!(answer.status, 200, "a new day: {}", answer.text);
    }
    assert_eq!(bob.chat("tollgate-demo", 5).await.unwrap().status, 429, "as small as the old one");
    assert_eq!(slow.await.unwrap().status, 200);

    let [after] = <[_; 1]>::try_from(server.settled_limits(&key).await.unwrap()).unwrap();
    assert_eq!(after.account.window.start, before.account.window.end);
    assert_eq!((after.used, after.held), (1, 0), "the slow call counts in its own day");
    let settled = || async {
        let standing = server.standing(&before).await.unwrap();
        // The old day's lease is given back when its last call is over.
        clock.leap(Duration::from_secs(3));
        (standing.spent, standing.leased) == (3, 0)
    };
    assert!(until(PATIENCE, settled).await, "{:?}", server.standing(&before).await.unwrap());
    assert_eq!(server.entries(6).await.unwrap().len(), 6);
    server.stop().await.unwrap();
}
