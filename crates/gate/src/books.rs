//! What doors show of the ledger: entries, with those of calls in flight among them, sums, and
//! what is left of anybody's budgets.

use std::collections::HashSet;

use tollgate_kernel::{
    CallId, Charged, ClientId, EntryState, Error, KeyId, Kind, Slug, Usage, UserId,
};
use tollgate_store::ledger::{EntryFilter, EntryRow, Opened, UsageRow, UsageSplit};
use tollgate_store::{AuditEvent, KeyHolder, Owner};

use crate::ledger::LegAsk;
use crate::standing::{self, KeyLimits, Standing};
use crate::{BudgetStanding, Gate, Warrant};

/// Whose budgets are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetsOf {
    /// All that count for a person.
    User(UserId),
    /// All that count for an app.
    Client(ClientId),
    /// All that count for calls with a key.
    Key(KeyId),
    /// The pool of a group.
    Group(Slug),
    /// Those of a model alias.
    Model(String),
    /// All that belong to nobody alone: of the installation, of groups and of models.
    Shared,
}

impl Gate {
    /// Entries, newest first, at most `limit` of those that are stored; before them in time, those
    /// of calls in flight that fit. A call that ends meanwhile is there once.
    pub async fn entry_rows(
        &self,
        warrant: &Warrant,
        filter: &EntryFilter,
        limit: u32,
    ) -> Result<Vec<EntryRow>, Error> {
        // Memory first: what ends in between is then found in the store.
        let open: Vec<EntryRow> = self.in_flight(filter).map(|call| open_row(&call)).collect();
        let mut rows = self.entries(warrant).entries(filter, limit).await?;
        let key = |row: &EntryRow| (row.call_id.clone(), row.attempt);
        let stored: HashSet<_> = rows.iter().map(key).collect();
        rows.extend(open.into_iter().filter(|row| !stored.contains(&key(row))));
        rows.sort_by(|a, b| (&b.call_id, b.attempt).cmp(&(&a.call_id, a.attempt)));
        Ok(rows)
    }

    /// Sums of entries, with what calls in flight hold now.
    pub async fn usage_rows(
        &self,
        warrant: &Warrant,
        filter: &EntryFilter,
        split: UsageSplit,
    ) -> Result<Vec<UsageRow>, Error> {
        let open: Vec<_> = self.in_flight(filter).collect();
        let mut rows = self.entries(warrant).usage(filter, split).await?;
        let stored = rows.len();
        for call in open.iter().filter(|call| call.hold.money > 0) {
            let held = held_row(call, split);
            match rows.iter_mut().find(|row| same_group(row, &held)) {
                Some(row) => row.held_nano = row.held_nano.saturating_add(held.held_nano),
                None => rows.push(held),
            }
        }
        if rows.len() > stored {
            rows.sort_by(|a, b| {
                let names = |row: &UsageRow| {
                    let UsageRow { model, key, user, group, client, tool, connection, .. } =
                        row.clone();
                    (model, key, user, group, client, tool, connection)
                };
                b.day.cmp(&a.day).then_with(|| names(a).cmp(&names(b)))
            });
        }
        Ok(rows)
    }

    /// Gives what a crash may have hidden back to the budget that it was charged to, because the
    /// owner knows better. Of what was released before, nothing. The entry as it is then.
    pub async fn release_reserve(
        &self,
        warrant: &Warrant,
        call: CallId,
    ) -> Result<EntryRow, Error> {
        let row = self.reserve_of(warrant, call).await?;
        if row.released_at.is_some() {
            return Ok(row);
        }
        let mut tx = self.begin(warrant).await?;
        tx.note_release(call).await?;
        tx.commit(AuditEvent::new("entry.release", format!("entry:{call}"))).await?;
        // From here on it is applied, if not now then at the next start.
        self.apply_release(call).await?;
        self.reserve_of(warrant, call).await
    }

    async fn reserve_of(&self, warrant: &Warrant, call: CallId) -> Result<EntryRow, Error> {
        let filter = EntryFilter { call: Some(call.to_string()), ..EntryFilter::default() };
        let rows = self.entries(warrant).entries(&filter, 1).await?;
        let row = rows.into_iter().next().ok_or_else(Error::not_found)?;
        if row.state == EntryState::CrashReserve {
            return Ok(row);
        }
        let what = "Only a crash reserve can be released; this entry is a call that was made.";
        Err(Error::new(Kind::Conflict, what))
    }

    async fn apply_release(&self, call: CallId) -> Result<(), Error> {
        self.ledger.release(call, self.clock.now()).await?;
        self.writer.forget_release(call).await
    }

    /// Applies the releases that were noted before the last stop and not applied.
    pub(crate) async fn apply_releases(&self) -> Result<(), Error> {
        for call in self.authn.reader.releases().await? {
            self.apply_release(call).await?;
        }
        Ok(())
    }

    /// What is left of the budgets of `whose`. The warrant must reach everybody's; without a plan
    /// in effect there is nothing to call with, and no budget.
    pub async fn budgets_of(
        &self,
        warrant: &Warrant,
        whose: &BudgetsOf,
    ) -> Result<Vec<BudgetStanding>, Error> {
        let policy = self.policy.load_full();
        let now = self.clock.now();
        let legs = match self.standing_of(warrant, whose).await? {
            Some(standing) if standing.has_plan(&policy) => {
                standing.resolve(&policy, now)?.legs.to_vec()
            }
            Some(_) => Vec::new(),
            None => standing::shared_legs(&policy, now, whose)?,
        };
        self.standings(&legs).await
    }

    /// What is left of each of these accounts.
    pub(crate) async fn standings(&self, legs: &[LegAsk]) -> Result<Vec<BudgetStanding>, Error> {
        let mut standings = Vec::with_capacity(legs.len());
        for leg in legs {
            let stored = self.ledger_reader.standing(&leg.row).await?;
            let memory = self.ledger.view(&leg.account).unwrap_or_default();
            standings.push(BudgetStanding {
                account: leg.account.clone(),
                limit: leg.limit,
                used: stored.spent + memory.settled,
                held: memory.held,
            });
        }
        Ok(standings)
    }

    /// The standing of somebody who calls; `None` for what is shared.
    async fn standing_of(
        &self,
        warrant: &Warrant,
        whose: &BudgetsOf,
    ) -> Result<Option<Standing>, Error> {
        let mut standing = match whose {
            BudgetsOf::User(id) => self.standing_of_user(warrant, *id).await?,
            BudgetsOf::Client(id) => self.standing_of_client(warrant, *id).await?,
            BudgetsOf::Key(id) => {
                let key = self.read(warrant).key(Owner::All, *id).await?;
                let key = key.ok_or_else(Error::not_found)?;
                let mut standing = match key.holder {
                    KeyHolder::User(id) => self.standing_of_user(warrant, id).await?,
                    KeyHolder::App(id) => self.standing_of_client(warrant, id).await?,
                    KeyHolder::Admin | KeyHolder::Service => Standing::default(),
                };
                // What a revoked key had left is nobody's business but its own.
                let makers = self.read(warrant).makers(&key).await?.unwrap_or_default();
                standing.key = Some(KeyLimits::of(key, makers, None));
                standing
            }
            BudgetsOf::Group(_) | BudgetsOf::Model(_) | BudgetsOf::Shared => return Ok(None),
        };
        standing.expires_at = None;
        Ok(Some(standing))
    }

    async fn standing_of_user(&self, warrant: &Warrant, id: UserId) -> Result<Standing, Error> {
        let reader = self.read(warrant);
        let user = reader.user(Owner::All, id).await?.ok_or_else(Error::not_found)?;
        let groups = reader.groups_of(id).await?.into_iter().map(|group| group.id).collect();
        Ok(Standing::of_user(user, groups))
    }

    async fn standing_of_client(&self, warrant: &Warrant, id: ClientId) -> Result<Standing, Error> {
        let client = self.read(warrant).client(Owner::All, id).await?;
        let client = client.ok_or_else(Error::not_found)?;
        Ok(Standing::of_app(&client))
    }

    /// The calls in flight that `filter` means.
    fn in_flight(&self, filter: &EntryFilter) -> impl Iterator<Item = std::sync::Arc<Opened>> {
        let state = filter.state.as_deref();
        let wanted = state.is_none_or(|state| state == EntryState::Open.as_str());
        let calls = if wanted { self.ledger.in_flight() } else { Vec::new() };
        calls.into_iter().filter(|call| matches(call, filter))
    }
}

fn matches(call: &Opened, filter: &EntryFilter) -> bool {
    let EntryFilter { from, to, user, key, client, group, model, .. } = filter;
    let EntryFilter { state: _, request, call: id, before, attempt, upstream, .. } = filter;
    let EntryFilter { budget, excess, cost_nano, hold_nano, tool, connection, .. } = filter;
    let same = |wanted: &Option<String>, found: Option<String>| {
        wanted.as_ref().is_none_or(|wanted| found.as_ref() == Some(wanted))
    };
    from.is_none_or(|from| call.at >= from)
        && to.is_none_or(|to| call.at < to)
        && same(user, call.user.map(|id| id.to_string()))
        && same(key, call.api_key.map(|id| id.to_string()))
        && same(client, call.client.map(|id| id.to_string()))
        && same(group, call.group.as_ref().map(ToString::to_string))
        && same(model, Some(call.called.model().to_owned()))
        && same(tool, call.called.tool().map(ToString::to_string))
        && same(connection, call.called.connection().map(|id| id.to_string()))
        && same(request, Some(call.request.to_string()))
        && same(id, Some(call.key.call.to_string()))
        && same(upstream, call.upstream.as_ref().map(ToString::to_string))
        && before.is_none_or(|before| call.key.call < before)
        && attempt.is_none_or(|attempt| i64::from(call.key.attempt) == attempt)
        && hold_nano.is_none_or(|hold| call.hold.money == hold)
        && budget.is_none()
        && cost_nano.is_none()
        && excess.is_none_or(|excess| !excess)
}

/// The entry of a call in flight: what it holds, and nothing yet of what it comes to.
fn open_row(call: &Opened) -> EntryRow {
    let Charged { money, tokens, calls: _ } = call.hold;
    EntryRow {
        call_id: call.key.call.to_string(),
        attempt: i64::from(call.key.attempt),
        at: call.at,
        request_id: call.request.to_string(),
        user: call.user.map(|id| id.to_string()),
        client: call.client.map(|id| id.to_string()),
        key: call.api_key.map(|id| id.to_string()),
        group: call.group.as_ref().map(ToString::to_string),
        model: call.called.model().to_owned(),
        tool: call.called.tool().map(ToString::to_string),
        connection: call.called.connection().map(|id| id.to_string()),
        upstream: call.upstream.as_ref().map(ToString::to_string),
        state: EntryState::Open,
        usage: Usage::default(),
        cost_nano: None,
        charged_nano: 0,
        charged_tokens: 0,
        charged_calls: 0,
        hold_nano: money,
        hold_tokens: tokens,
        excess: false,
        budget: None,
        released_at: None,
    }
}

/// The sum that a call in flight belongs to, with nothing in it but what it holds.
fn held_row(call: &Opened, split: UsageSplit) -> UsageRow {
    const DAY_US: i64 = 86_400_000_000;
    let UsageSplit { day, model, key, user, group, client, tool, connection } = split;
    UsageRow {
        day: day.then(|| call.at.micros().div_euclid(DAY_US)),
        model: model.then(|| call.called.model().to_owned()),
        key: call.api_key.filter(|_| key).map(|id| id.to_string()),
        user: call.user.filter(|_| user).map(|id| id.to_string()),
        group: call.group.as_ref().filter(|_| group).map(ToString::to_string),
        client: call.client.filter(|_| client).map(|id| id.to_string()),
        tool: call.called.tool().filter(|_| tool).map(ToString::to_string),
        connection: call.called.connection().filter(|_| connection).map(|id| id.to_string()),
        held_nano: call.hold.money,
        ..UsageRow::default()
    }
}

fn same_group(a: &UsageRow, b: &UsageRow) -> bool {
    let of = |row: &UsageRow| {
        let UsageRow { day, model, key, user, group, client, tool, connection, .. } = row.clone();
        (day, model, key, user, group, client, tool, connection)
    };
    of(a) == of(b)
}
