//! Figures and times as people say them.

use jiff::tz::TimeZone;
use tollgate_edge::page::Words;
use tollgate_gate::TroubleKind;
pub(crate) use tollgate_kernel::figures::{amount, money, number, read, read_number, typed};
use tollgate_kernel::{Budget, Period, Timestamp, Unit};

/// The text that says what the owner should mend at an upstream.
pub(crate) const fn trouble(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::KeyRefused => "need-key-refused",
        TroubleKind::QuotaSpent => "need-quota-spent",
        TroubleKind::SecretLeaked => "need-secret-leaked",
    }
}

/// What a budget counts and how long it lasts: `Tokens each day`.
pub(crate) fn budget_name(w: Words, unit: Unit, period: Period) -> String {
    w.get(&format!("budget-{}-{}", unit.as_str(), period.as_str()))
}

/// A budget in one line: `Tokens each day: 100,000`.
pub(crate) fn budget(w: Words, budget: &Budget) -> String {
    let Budget { unit, limit, period } = *budget;
    let name = budget_name(w, unit, period);
    let limit = amount(unit, limit);
    w.with("budget-line", &[("name", name.into()), ("limit", limit.into())])
}

/// Budgets in one line, or that there is no limit.
pub(crate) fn budgets(w: Words, budgets: &[Budget]) -> String {
    if budgets.is_empty() {
        return w.get("unlimited");
    }
    budgets.iter().map(|one| budget(w, one)).collect::<Vec<_>>().join(" · ")
}

/// A moment in UTC to the second, where the zone is named beside it.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment to the second, its zone named.
pub(crate) fn second(at: Timestamp) -> String {
    format!("{} UTC", clock(at))
}

/// A moment to the minute, its zone named.
pub(crate) fn minute(at: Timestamp) -> String {
    at.to_jiff().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}
