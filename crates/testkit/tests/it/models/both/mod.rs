//! What depends on the store, as plain functions of the engine.

pub(crate) mod bounds;
pub(crate) mod budgets;
pub(crate) mod changes;
pub(crate) mod descent;
pub(crate) mod hangups;
pub(crate) mod held;
pub(crate) mod once;
pub(crate) mod overshoot;
pub(crate) mod profiles;
pub(crate) mod reserves;
pub(crate) mod revocation;
pub(crate) mod store_down;
pub(crate) mod tokens;
pub(crate) mod walk;
pub(crate) mod windows;

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// A test of each function on one engine.
macro_rules! suite {
    ($engine:ident) => {
        both::suite! { $engine:
            walk: a_call_with_a_key_reaches_the_model_and_leaves_one_exact_entry;
            budgets: several_scopes_are_held_at_once, each_unit_has_its_budget,
                a_refusal_says_what_would_fit, what_is_in_use_comes_back,
                groups_models_and_the_installation_have_budgets_too,
                a_models_budget_counts_where_it_answers, usage_counts_calls_and_not_attempts;
            changes: a_raised_limit_lets_calls_in_at_once, a_lowered_limit_refuses_at_once,
                changes_at_once_all_count, a_restart_keeps_what_was_spent,
                m7_a_change_that_could_not_be_read_counts_when_it_can;
            held: what_a_running_call_holds_is_shown_until_it_ends;
            overshoot: m1_of_a_thousand_calls_at_once_fifty_fit,
                settled_and_held_never_exceed_the_limit;
            hangups: m2_a_thousand_streams_are_cut_and_metered_exactly,
                m2_calls_cut_before_their_first_byte_are_metered_exactly,
                m2_json_calls_cut_before_their_answer_are_metered_exactly,
                m2_a_stop_lets_the_rest_be_read;
            bounds: m2_a_thousand_tokens_more_are_read_and_no_more,
                m2_so_many_answers_are_read_on_and_no_more;
            windows: a_budget_starts_anew_when_its_day_ends;
            revocation: revocation_bites_within_a_second_and_ends_running_streams;
            descent: t86_what_a_key_made_narrows_with_it,
                an_admin_key_ends_with_its_makers_rights;
            tokens: a_token_for_somebody_calls_as_them_and_ends_with_its_maker,
                t86_a_token_for_somebody_is_for_those_who_make_their_keys,
                a_token_has_a_budget_of_its_own;
            profiles: a_plans_profile_goes_into_both_routes_and_is_told,
                a_callers_bytes_stay_but_for_what_is_put_in, errors_tell_a_profile_too,
                an_effort_of_none_does_not_make_lost_calls_dear,
                a_hold_counts_what_a_profile_puts_in,
                a_persons_profile_comes_first_and_is_the_owners_to_set,
                what_somebody_is_called_stays_data, each_caller_is_told_by_their_own_name,
                instructions_are_in_no_log_and_a_provider_does_not_tell_a_profile;
            reserves: the_owner_releases_what_a_crash_may_have_hidden;
            once: a_request_that_comes_again_is_done_once, of_many_at_once_one_is_done,
                a_caller_who_hangs_up_gets_the_answer_later,
                a_crash_in_between_neither_repeats_an_act_nor_loses_it;
            store_down: m7_a_locked_ledger_is_unavailable_and_comes_back;
        }
    };
    ($engine:ident: $($module:ident: $($name:ident),+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            both::$module::$name(tollgate_testkit::Engine::$engine).await;
        }
    )+)+};
}
pub(crate) use suite;

/// Asks again and again until `is_so` says yes; the answer is whether it did within `patience`.
pub(crate) async fn until<F: Future<Output = bool>>(
    patience: Duration,
    mut is_so: impl FnMut() -> F,
) -> bool {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        if is_so().await {
            return true;
        }
        if tokio::time::Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until `is_so` after something was taken from a credential or given to it, which is a
/// second at the most.
pub(crate) async fn bites<F: Future<Output = bool>>(what: &str, is_so: impl FnMut() -> F) {
    let changed = Instant::now();
    assert!(until(Duration::from_secs(5), is_so).await, "{what}");
    let took = changed.elapsed();
    assert!(took <= Duration::from_secs(1), "{what} after {took:?}");
}

/// A provider that has no list of models, and of which `answer` answers the calls, one after the
/// other. Its base URL.
pub(crate) async fn provider<F: Future<Output = ()> + Send>(
    answer: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let length = stream.read(&mut request).await.unwrap_or(0);
            if !request[..length].starts_with(b"GET") {
                answer(stream).await;
            }
        }
    });
    url
}
