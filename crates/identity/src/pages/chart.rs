//! The chart beside a table: the same numbers, as the script wants them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tollgate_store::ledger::UsageRow;

/// How many models have a line of their own; the rest share one.
const LINES: usize = 5;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What `chart.js` reads from the page.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    /// The beginning of each day in UTC, in seconds.
    days: Vec<i64>,
    series: Vec<Series>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Series {
    label: String,
    values: Vec<i64>,
}

impl Chart {
    /// Tokens by day and model, for the days from `first` to `last` (since 1970-01-01); `rest` is
    /// what the lesser models are called together.
    pub(super) fn of(rows: &[UsageRow], first: i64, last: i64, rest: &str) -> Self {
        let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
        for row in rows {
            let model = row.model.as_deref().unwrap_or_default();
            *totals.entry(model).or_default() += row.input_tokens + row.output_tokens;
        }
        let mut models: Vec<(&str, i64)> = totals.into_iter().collect();
        models.sort_by_key(|(name, tokens)| (std::cmp::Reverse(*tokens), *name));
        let own: BTreeSet<&str> = models.iter().take(LINES).map(|(name, _)| *name).collect();
        let line = |label: &str, belongs: &dyn Fn(&str) -> bool| Series {
            label: label.to_owned(),
            values: (first..=last).map(|day| tokens(rows, day, belongs)).collect(),
        };
        let names = models.iter().take(LINES).map(|(name, _)| *name);
        let mut series: Vec<Series> = names.map(|name| line(name, &|m| m == name)).collect();
        if models.len() > LINES {
            series.push(line(rest, &|model| !own.contains(model)));
        }
        Self { days: (first..=last).map(|day| day * DAY_S).collect(), series }
    }

    /// The text for the page.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn tokens(rows: &[UsageRow], day: i64, belongs: &dyn Fn(&str) -> bool) -> i64 {
    let rows = rows
        .iter()
        .filter(|row| row.day == Some(day) && belongs(row.model.as_deref().unwrap_or_default()));
    rows.map(|row| row.input_tokens + row.output_tokens).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: i64, model: &str, tokens: i64) -> UsageRow {
        UsageRow {
            day: Some(day),
            model: Some(model.to_owned()),
            key: None,
            user: None,
            group: None,
            client: None,
            tool: None,
            connection: None,
            calls: 1,
            input_tokens: tokens,
            cached_tokens: 0,
            output_tokens: 1,
            cost_nano: 0,
            held_nano: 0,
            unpriced: 0,
            estimated: 0,
            interrupted: 0,
        }
    }

    #[test]
    fn a_day_without_calls_is_nothing_and_lesser_models_share_a_line() {
        let mut rows: Vec<UsageRow> = (0..7).map(|n| row(10, &format!("m{n}"), 100 - n)).collect();
        rows.push(row(12, "m0", 9));
        let chart = Chart::of(&rows, 10, 12, "others");
        assert_eq!(chart.days, [864_000, 950_400, 1_036_800]);
        assert_eq!(chart.series.len(), 6);
        assert_eq!(chart.series[0], Series { label: "m0".to_owned(), values: vec![101, 0, 10] });
        assert_eq!(chart.series[5].label, "others");
        assert_eq!(chart.series[5].values, [95 + 1 + 94 + 1, 0, 0]);
        let sum: i64 = chart.series.iter().flat_map(|line| &line.values).sum();
        assert_eq!(sum, rows.iter().map(|row| row.input_tokens + row.output_tokens).sum::<i64>());
    }
}
