//! Bodies of requests: a member stands in them only if the command line said something of it.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tollgate_kernel::Budget;

use crate::cli::args::{BudgetArg, RatesArgs};

/// A body under construction.
#[derive(Default)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// A member.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A member, if it was given.
    pub(super) fn maybe<T: Serialize>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, json!(value)),
            None => self,
        }
    }

    /// A member that an empty text takes away.
    pub(super) fn clearable(self, name: &str, value: Option<&str>) -> Self {
        self.maybe(name, value.map(|text| Some(text).filter(|text| !text.is_empty())))
    }

    /// A list, if any item was given; an empty text alone is the empty list.
    pub(super) fn list(self, name: &str, items: &[String]) -> Self {
        if items.is_empty() {
            return self;
        }
        let items: Vec<&String> = items.iter().filter(|item| !item.is_empty()).collect();
        self.with(name, json!(items))
    }

    /// Budgets, if any was given or all are to go.
    pub(super) fn budgets(self, name: &str, budgets: &[BudgetArg], clear: bool) -> Self {
        if budgets.is_empty() && !clear {
            return self;
        }
        let budgets: Vec<Budget> = budgets.iter().map(|BudgetArg(budget)| *budget).collect();
        self.with(name, json!(budgets))
    }

    /// Rates, those that were given.
    pub(super) fn rates(self, args: &RatesArgs) -> Self {
        let RatesArgs { requests_per_minute, tokens_per_minute, concurrent } = args;
        let rates = Self::default()
            .maybe("requests_per_minute", requests_per_minute.map(|rate| rate.0))
            .maybe("tokens_per_minute", tokens_per_minute.map(|rate| rate.0))
            .maybe("concurrent", concurrent.map(|rate| rate.0));
        if rates.0.is_empty() { self } else { self.with("rates", rates.0) }
    }

    /// The body.
    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// The name of a choice: the management API has the same.
pub(super) fn name_of(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
