//! What is limited: rates and budgets, whom they count for, and in which unit.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{ClientId, Error, KeyId, Slug, TokenId, UserId, Window};

/// Rates, forgotten at a restart. What is left out is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Calls in any minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens in any minute; a call takes its hold and gives back what it did not use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// Calls at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
}

impl Rates {
    /// The lower of both, each.
    pub fn within(self, bound: Self) -> Self {
        let lower = |a: Option<u32>, b: Option<u32>| [a, b].into_iter().flatten().min();
        let Self { requests_per_minute, tokens_per_minute, concurrent } = bound;
        Self {
            requests_per_minute: lower(self.requests_per_minute, requests_per_minute),
            tokens_per_minute: lower(self.tokens_per_minute, tokens_per_minute),
            concurrent: lower(self.concurrent, concurrent),
        }
    }
}

/// A budget: at most `limit` of `unit` in each `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What is counted.
    pub unit: Unit,
    /// How much of it; money in nano-units.
    pub limit: i64,
    /// How long until it starts anew.
    pub period: Period,
}

impl Budget {
    /// The largest limit: far above any use, far below the end of the integers.
    pub const MAX: i64 = 1_000_000_000_000_000_000;

    /// Checks a list of budgets: no negative limit, and no unit and period twice.
    pub fn check(budgets: &[Self]) -> Result<(), Error> {
        for (at, budget) in budgets.iter().enumerate() {
            let at_fault =
                |what: &'static str| Err(Error::invalid(what).with_param(format!("budgets[{at}]")));
            if !(0..=Self::MAX).contains(&budget.limit) {
                return at_fault("a limit is a whole number from 0 to 10^18");
            }
            let same = |b: &&Self| b.unit == budget.unit && b.period == budget.period;
            if budgets.iter().filter(same).count() > 1 {
                return at_fault("two budgets have the same unit and period; keep one of them");
            }
        }
        Ok(())
    }

    /// As an access token carries it: `calls 10 day`.
    pub fn to_claim(self) -> String {
        format!("{} {} {}", self.unit.as_str(), self.limit, self.period.as_str())
    }

    /// Reads that.
    pub fn from_claim(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (unit, limit, period) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let budget = Self { unit: Unit::parse(unit)?, limit, period: Period::parse(period)? };
        (words.next().is_none() && Self::check(&[budget]).is_ok()).then_some(budget)
    }

    /// The lower of both, for each unit and period; what `bounds` have alone is added.
    pub fn within(mut budgets: Vec<Self>, bounds: &[Self]) -> Vec<Self> {
        for bound in bounds {
            let same = |b: &&mut Self| (b.unit, b.period) == (bound.unit, bound.period);
            match budgets.iter_mut().find(same) {
                Some(budget) => budget.limit = budget.limit.min(bound.limit),
                None => budgets.push(*bound),
            }
        }
        budgets
    }
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nano-units of the installation's currency.
    Money,
    /// Tokens, in and out.
    Tokens,
    /// Calls.
    Calls,
}

impl Unit {
    /// All units.
    pub const ALL: [Self; 3] = [Self::Money, Self::Tokens, Self::Calls];

    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Tokens => "tokens",
            Self::Calls => "calls",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }
}

/// How long a budget lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A calendar day.
    Day,
    /// A week from Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Period {
    /// All periods.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Reads that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }
}

/// Whom a limit counts for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Everybody together.
    Installation,
    /// The members of a group together: its pool.
    Group(Slug),
    /// A person, by the plan that is in effect for them.
    User(UserId),
    /// An app, by its plan.
    Client(ClientId),
    /// A key.
    Key(KeyId),
    /// An access token.
    Token(TokenId),
    /// A model alias, whoever calls it.
    Model(String),
    /// Those who come from one network and say nothing of who they are.
    Network(IpAddr),
}

impl Holder {
    /// The name of the kind in the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Group(_) => "group",
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Key(_) => "key",
            Self::Token(_) => "token",
            Self::Model(_) => "model",
            Self::Network(_) => "network",
        }
    }

    /// Which one of its kind; empty for the installation.
    pub fn id(&self) -> String {
        match self {
            Self::Installation => String::new(),
            Self::Group(slug) => slug.to_string(),
            Self::User(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
            Self::Key(id) => id.to_string(),
            Self::Token(id) => id.to_string(),
            Self::Model(alias) => alias.clone(),
            Self::Network(address) => address.to_string(),
        }
    }

    /// Reads what its [`fmt::Display`] writes.
    fn parse(text: &str) -> Option<Self> {
        let Some((kind, id)) = text.split_once('/') else {
            return (text == Self::Installation.kind()).then_some(Self::Installation);
        };
        match kind {
            "group" => Slug::parse(id).ok().map(Self::Group),
            "user" => id.parse().ok().map(Self::User),
            "client" => id.parse().ok().map(Self::Client),
            "key" => id.parse().ok().map(Self::Key),
            "token" => id.parse().ok().map(Self::Token),
            "model" => Some(Self::Model(id.to_owned())),
            "network" => id.parse().ok().map(Self::Network),
            _ => None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installation => f.write_str("installation"),
            _ => write!(f, "{}/{}", self.kind(), self.id()),
        }
    }
}

/// A budget of one holder in one window: the row that is charged.
///
/// A person's account does not name the plan that its limit comes from, so a changed plan keeps
/// what was spent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Whom it counts for.
    pub holder: Holder,
    /// What it counts.
    pub unit: Unit,
    /// How long it lasts.
    pub period: Period,
    /// Which window it is.
    pub window: Window,
}

impl Account {
    /// The budget's name in the store: the same in every window.
    pub fn budget(&self) -> String {
        format!("{}/{}/{}", self.holder, self.unit.as_str(), self.period.as_str())
    }

    /// Reads such a name: whom the budget counts for, what it counts, and how long it lasts.
    /// `None` where it is no name of ours.
    pub fn parse_budget(name: &str) -> Option<(Holder, Unit, Period)> {
        // From the end, since a model's name may have slashes.
        let mut parts = name.rsplitn(3, '/');
        let (period, unit, holder) = (parts.next()?, parts.next()?, parts.next()?);
        Some((Holder::parse(holder)?, Unit::parse(unit)?, Period::parse(period)?))
    }
}

/// An amount in every unit at once: what a call holds, or what it came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charged {
    /// Nano-units; zero for a model without a price.
    pub money: i64,
    /// Tokens, in and out.
    pub tokens: i64,
    /// Calls: one, or none.
    pub calls: i64,
}

impl Charged {
    /// This amount in `unit`, and nothing in the others.
    pub fn in_unit(unit: Unit, amount: i64) -> Self {
        let none = Self::default();
        match unit {
            Unit::Money => Self { money: amount, ..none },
            Unit::Tokens => Self { tokens: amount, ..none },
            Unit::Calls => Self { calls: amount, ..none },
        }
    }

    /// The amount in `unit`.
    pub const fn of(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Money => self.money,
            Unit::Tokens => self.tokens,
            Unit::Calls => self.calls,
        }
    }

    /// The same, cut to at most `hold` in each unit.
    pub fn capped_by(&self, hold: &Self) -> Self {
        Self {
            money: self.money.min(hold.money),
            tokens: self.tokens.min(hold.tokens),
            calls: self.calls.min(hold.calls),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_claim_says_what_a_budget_is() {
        for (unit, period) in Unit::ALL.into_iter().zip(Period::ALL) {
            let budget = Budget { unit, limit: 7, period };
            assert_eq!(Budget::from_claim(&budget.to_claim()), Some(budget));
        }
        for bad in ["", "calls", "calls 7", "calls 7 day more", "calls -1 day", "Calls 7 day"] {
            assert_eq!(Budget::from_claim(bad), None, "{bad}");
        }
    }

    fn holders() -> impl Strategy<Value = Holder> {
        let id = || any::<u128>().prop_map(|id| Uuid::from_u128(id).to_string());
        prop_oneof![
            Just(Holder::Installation),
            "[a-z][a-z0-9-]{0,20}[a-z0-9]".prop_map(|id| Holder::Group(Slug::parse(&id).unwrap())),
            id().prop_map(|id| Holder::User(id.parse().unwrap())),
            id().prop_map(|id| Holder::Client(id.parse().unwrap())),
            id().prop_map(|id| Holder::Key(id.parse().unwrap())),
            id().prop_map(|id| Holder::Token(id.parse().unwrap())),
            "[ -~é]{0,30}".prop_map(Holder::Model),
            any::<IpAddr>().prop_map(Holder::Network),
        ]
    }

    proptest! {
        #[test]
        fn the_name_of_a_budget_is_read_as_it_is_written(
            holder in holders(),
            unit in prop::sample::select(&Unit::ALL),
            period in prop::sample::select(&Period::ALL),
        ) {
            let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(1));
            let name = Account { holder, unit, period, window: Window { start, end } };
            let read = Account::parse_budget(&name.budget());
            prop_assert_eq!(read, Some((name.holder, unit, period)));
        }
    }

    #[test]
    fn what_is_no_name_of_a_budget_is_not_read() {
        for bad in ["", "installation", "group/tokens/day", "user/x/tokens/day", "x/y/tokens/day"] {
            assert_eq!(Account::parse_budget(bad), None, "{bad}");
        }
        for bad in ["installation/token/day", "installation/tokens/year", "model/tokens/day"] {
            assert_eq!(Account::parse_budget(bad), None, "{bad}");
        }
    }
}
