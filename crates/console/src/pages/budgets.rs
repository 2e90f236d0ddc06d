//! Budgets in a form: a grid with at most one for each unit and period.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::Field;
use tollgate_kernel::{Budget, Period, Unit};

use super::form::{Control, Wrong};
use super::say;

/// Budgets as a form has them. An empty field is no limit.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct BudgetFields {
    money_day: String,
    money_week: String,
    money_month: String,
    tokens_day: String,
    tokens_week: String,
    tokens_month: String,
    calls_day: String,
    calls_week: String,
    calls_month: String,
}

/// A cell of the grid.
type Slot<'a> = (&'static str, Unit, Period, &'a mut String);

impl BudgetFields {
    /// The grid with `budgets` in it.
    pub(crate) fn of(budgets: &[Budget]) -> Self {
        let mut grid = Self::default();
        for (_, unit, period, text) in grid.slots() {
            let same = |budget: &&Budget| budget.unit == unit && budget.period == period;
            if let Some(budget) = budgets.iter().find(same) {
                *text = say::typed(unit, budget.limit);
            }
        }
        grid
    }

    /// The budgets that are meant; what cannot be read is noted.
    pub(crate) fn read(&mut self, w: Words, wrong: &mut Vec<Wrong>) -> Vec<Budget> {
        let mut budgets = Vec::new();
        for (name, unit, period, text) in self.slots() {
            if text.trim().is_empty() {
                continue;
            }
            match say::read(unit, text).filter(|limit| *limit <= Budget::MAX) {
                Some(limit) => budgets.push(Budget { unit, limit, period }),
                None => wrong.push(Wrong::at(w, name, "wrong-amount")),
            }
        }
        budgets
    }

    /// The grid under the heading `title`.
    pub(crate) fn control(&mut self, w: Words, title: &str, wrong: &[Wrong]) -> Control {
        let fields = self.slots().map(|(id, unit, period, text)| {
            let label = say::budget_name(w, unit, period);
            let field = Field::new(id, "text", label).value(text.clone()).optional();
            let field = match unit {
                Unit::Money => field.hint(w.get("money-hint")),
                Unit::Tokens | Unit::Calls => field,
            };
            field.error(Wrong::on(wrong, id))
        });
        Control::Limits { title: w.get(title), fields: fields.into() }
    }

    fn slots(&mut self) -> [Slot<'_>; 9] {
        use Period::{Day, Month, Week};
        use Unit::{Calls, Money, Tokens};
        [
            ("money_day", Money, Day, &mut self.money_day),
            ("money_week", Money, Week, &mut self.money_week),
            ("money_month", Money, Month, &mut self.money_month),
            ("tokens_day", Tokens, Day, &mut self.tokens_day),
            ("tokens_week", Tokens, Week, &mut self.tokens_week),
            ("tokens_month", Tokens, Month, &mut self.tokens_month),
            ("calls_day", Calls, Day, &mut self.calls_day),
            ("calls_week", Calls, Week, &mut self.calls_week),
            ("calls_month", Calls, Month, &mut self.calls_month),
        ]
    }
}
