//! A thousand calls at once never spend more than there is, and spend all that there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tollgate_gate::BudgetStanding;
use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_testkit::{Answer, Client, Engine, TestServer, chat_body, count};

fn tokens(limit: i64) -> Budget {
    Budget { unit: Unit::Tokens, limit, period: Period::Month }
}

/// A call whose body has `bytes` bytes, and so many that its input counts as.
fn sized(model: &str, max_tokens: u64, bytes: usize) -> Value {
    let mut body = chat_body(model, max_tokens);
    let empty = body.to_string().len();
    let padding = "x".repeat(bytes - empty);
    let text = body["messages"][0]["content"].as_str().unwrap().to_owned() + &padding;
    body["messages"][0]["content"] = Value::from(text);
    assert_eq!(body.to_string().len(), bytes);
    body
}

/// How often one call is sent again, and how many of a hundred may be: none, but on a machine that
/// is so busy with other things that the database is not asked in time.
const AGAIN: usize = 40;
const AGAIN_PERCENT: usize = 5;

/// Calls that were answered 503, which is no answer to what these tests ask.
#[derive(Clone, Default)]
struct Unasked(Arc<AtomicUsize>);

impl Unasked {
    /// Sends `body`; again where the database was not asked in time. What a call holds that gave up
    /// waiting comes back a moment later.
    async fn call(&self, client: &Client, body: &Value) -> Answer {
        let mut gave_up = false;
        for _ in 0..AGAIN {
            let answer = client.post("/v1/chat/completions", body).await.unwrap();
            gave_up |= answer.status == 503;
            let again = answer.status == 503 || answer.code() == "budget_in_use";
            if !(gave_up && again) {
                self.0.fetch_add(usize::from(gave_up), Ordering::SeqCst);
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the database was never asked");
    }

    /// Of so many calls only a few were sent again.
    fn are_few_of(&self, calls: usize) {
        let again = self.0.load(Ordering::SeqCst);
        assert!(again * 100 <= calls * AGAIN_PERCENT, "{again} of {calls} were sent again");
    }
}

/// Sends `body` so often at the same time.
async fn at_once(client: &Client, body: &Value, times: usize) -> Vec<Answer> {
    let unasked = Unasked::default();
    let calls = (0..times).map(|_| {
        let (client, body, unasked) = (client.clone(), body.clone(), unasked.clone());
        tokio::spawn(async move { unasked.call(&client, &body).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut answers = Vec::new();
    for done in calls {
        answers.push(done.await.unwrap());
    }
    unasked.are_few_of(times);
    answers
}

pub(crate) async fn m1_of_a_thousand_calls_at_once_fifty_fit(engine: Engine) {
    const HOLD: i64 = 200 + 100;
    let server = TestServer::start(engine).await.unwrap();
    let (_, key) = server.caller("alice", vec![tokens(50 * HOLD)]).await.unwrap();
    server.mocks(&[("whole", "spend=hold,input=200,delay=20ms")]).await.unwrap();
    let client = server.with_bearer(&key);

    let answers = at_once(&client, &sized("whole", 100, 200), 1_000).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused.status, 429, "{}", refused.text);
        let code = refused.code();
        assert!(code == "insufficient_quota" || code == "budget_in_use", "{code}");
    }
    assert_eq!(good, 50);
    assert_eq!(server.model.totals().finished, 50, "calls that were forwarded");

    let entries = server.entries(50).await.unwrap();
    assert_eq!(count(&entries, EntryState::Settled), 50);
    assert!(entries.iter().all(|entry| entry.charged_tokens == HOLD && !entry.excess));
    let [limit] = &server.settled_limits(&key).await.unwrap()[..] else { panic!("one budget") };
    assert_eq!((limit.used, limit.held), (50 * HOLD, 0));
    server.stop().await.unwrap();
}

/// Looks at the budgets of a key again and again, in memory and in the database, while calls run.
pub(super) async fn watch(server: Arc<TestServer>, key: String, over: Arc<AtomicBool>) -> usize {
    let mut looks = 0;
    while !over.load(Ordering::SeqCst) {
        for budget in server.limits(&key).await.unwrap() {
            let BudgetStanding { limit, used, held, .. } = budget;
            assert!(used + held <= limit, "{used} settled and {held} held of {limit}");
            let stored = server.standing(&budget).await.unwrap();
            assert!(stored.spent + stored.leased <= limit, "{stored:?} of {limit}");
        }
        looks += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    looks
}

pub(crate) async fn settled_and_held_never_exceed_the_limit(engine: Engine) {
    const SMALL: i64 = 200 + 100;
    const LARGE: i64 = 2_000 + 1_000;
    let limit = 60 * SMALL + 17;
    let server = Arc::new(TestServer::start(engine).await.unwrap());
    let (_, key) = server.caller("alice", vec![tokens(limit)]).await.unwrap();
    let mocks =
        [("small", "spend=third,input=67,delay=5ms"), ("large", "spend=third,input=667,delay=5ms")];
    server.mocks(&mocks).await.unwrap();
    let (small, large) = (sized("small", 100, 200), sized("large", 1_000, 2_000));
    let over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(server.clone(), key.clone(), over.clone()));

    let client = server.with_bearer(&key);
    let unasked = Unasked::default();
    let calls: Vec<_> = (0..400)
        .map(|at| {
            let body = if at % 10 == 0 { large.clone() } else { small.clone() };
            let (client, unasked) = (client.clone(), unasked.clone());
            tokio::spawn(async move { unasked.call(&client, &body).await })
        })
        .collect();
    let mut good = 0;
    for done in calls {
        let answer = done.await.unwrap();
        assert!(answer.status == 200 || answer.status == 429, "{}", answer.text);
        good += usize::from(answer.status == 200);
    }
    unasked.are_few_of(400);
    // At least as many as fit if each spent its hold.
    assert!(good >= 6, "{good} of 400 came through");

    // Calls one after the other use the rest, until less than one hold is left.
    let refused = loop {
        let answer = unasked.call(&client, &small).await;
        if answer.status != 200 {
            break answer;
        }
        good += 1;
    };
    assert_eq!(refused.code(), "insufficient_quota", "{}", refused.text);
    over.store(true, Ordering::SeqCst);
    assert!(watching.await.unwrap() > 5, "looks at the budget");

    let entries = server.entries(good).await.unwrap();
    let charged: i64 = entries.iter().map(|entry| entry.charged_tokens).sum();
    let [budget] = &server.settled_limits(&key).await.unwrap()[..] else { panic!("one budget") };
    assert_eq!(budget.used, charged);
    assert!(limit - charged < SMALL, "{} is left, a hold is {SMALL}", limit - charged);
    assert!(refused.message().contains(&format!("Left: {} tokens.", limit - charged)));
    let totals = server.model.totals();
    assert_eq!(i64::try_from(totals.input_tokens + totals.output_tokens).unwrap(), charged);
    assert_eq!(LARGE, 10 * SMALL);
    Arc::into_inner(server).unwrap().stop().await.unwrap();
}
