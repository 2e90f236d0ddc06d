//! Deciding: may this principal make this call, and who could answer it?

use std::sync::Arc;

use tollgate_kernel::{
    Access, Account, CallId, Called, Charged, Error, Holder, Kind, Price, RequestId, Timestamp,
    Unit,
};
use tollgate_protocol::openai::Route;

use crate::Connected;
use crate::call::{ConnectionCall, ModelCall, PlainRequest, ToolCall};
use crate::catalogue::Catalogue;
use crate::ledger::LegAsk;
use crate::policy::Policy;
use crate::prices::{ModelFacts, Prices};
use crate::profile::{Applied, Profiles};
use crate::standing::{Resolved, Strangers};
use crate::target::check;
use crate::tool::Tool;
use crate::upstream::Upstream;
use crate::{Call, Live, Principal};

/// The proof that a principal may make a call. It owns the call and its candidates, so that nothing
/// else can be sent with it.
pub struct Permit(pub(crate) Arc<Decided>);

/// What was decided.
pub(crate) struct Decided {
    pub(crate) id: CallId,
    pub(crate) principal: Arc<Principal>,
    pub(crate) at: Timestamp,
    pub(crate) policy: Arc<Policy>,
    pub(crate) resolved: Arc<Resolved>,
    pub(crate) what: What,
}

/// What is called.
pub(crate) enum What {
    /// A model.
    Model(Choice),
    /// Something that speaks plain HTTP.
    Plain(Plain),
}

/// A plain call and what it goes to.
pub(crate) struct Plain {
    pub(crate) request: PlainRequest,
    pub(crate) to: PlainTo,
}

/// What a plain call goes to.
pub(crate) enum PlainTo {
    /// A tool of the owner's.
    Tool(Arc<Tool>),
    /// Somebody else's tool, for the person whose connection it is.
    Connection(ConnectedTo),
}

/// A connection that is called through.
pub(crate) struct ConnectedTo {
    pub(crate) now: Arc<Connected>,
    /// As it was when the tool refused its credential a moment ago.
    pub(crate) refused: Option<Arc<Connected>>,
}

impl PlainTo {
    /// Its name in entries.
    pub(crate) fn called(&self) -> Called {
        match self {
            Self::Tool(tool) => Called::Tool(tool.id().clone()),
            Self::Connection(to) => Called::Connection(to.now.id()),
        }
    }

    /// Its life: it may end while an answer of it flows.
    pub(crate) fn live(&self) -> &Arc<Live> {
        match self {
            Self::Tool(tool) => &tool.live,
            Self::Connection(to) => &to.now.live,
        }
    }
}

/// A call of a model, and who could answer it.
pub(crate) struct Choice {
    pub(crate) call: ModelCall,
    pub(crate) candidates: Vec<Candidate>,
    /// The most output tokens of each answer; none for embeddings.
    pub(crate) ceiling: Option<u64>,
    /// The most input tokens.
    pub(crate) input_bound: u64,
    /// What profiles put into the call, as its header tells it.
    pub(crate) profile: Option<Box<str>>,
}

/// Somebody who could answer.
pub(crate) struct Candidate {
    pub(crate) upstream: Arc<Upstream>,
    /// Its own name for the model.
    pub(crate) model: String,
    pub(crate) price: Option<Arc<Price>>,
}

impl Candidate {
    /// Whether its calls are charged to `account`: a budget of another model is not.
    pub(crate) fn is_charged_to(&self, account: &Account, policy: &Policy) -> bool {
        match &account.holder {
            Holder::Model(alias) => policy.names(alias, self.upstream.id(), &self.model),
            _ => true,
        }
    }
}

impl Permit {
    /// The ceiling that we set because the caller named none, or a higher one.
    pub fn ceiling_set(&self) -> Option<u64> {
        self.0.ceiling_set()
    }

    /// The principal that it was given to.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.0.principal
    }

    /// The model that was asked for; empty where it is none.
    pub fn model(&self) -> &str {
        match &self.0.what {
            What::Model(choice) => choice.call.request.model(),
            What::Plain(_) => "",
        }
    }

    /// Whether the answer is to be a stream of events.
    pub fn streams(&self) -> bool {
        match &self.0.what {
            What::Model(choice) => choice.call.request.stream(),
            What::Plain(_) => false,
        }
    }
}

impl Decided {
    /// The model call, if it is one.
    pub(crate) fn choice(&self) -> Option<&Choice> {
        match &self.what {
            What::Model(choice) => Some(choice),
            What::Plain(_) => None,
        }
    }

    /// The ceiling that we set because the caller named none, or a higher one.
    pub(crate) fn ceiling_set(&self) -> Option<u64> {
        let choice = self.choice()?;
        let asked = choice.call.request.output_ceiling();
        choice.ceiling.filter(|ceiling| asked.is_none_or(|asked| asked > *ceiling))
    }

    /// What is called, as entries name it.
    pub(crate) fn called(&self) -> Called {
        match &self.what {
            What::Model(choice) => Called::Model(choice.call.request.shared_model()),
            What::Plain(plain) => plain.to.called(),
        }
    }

    /// The id of the HTTP request.
    pub(crate) fn request(&self) -> RequestId {
        match &self.what {
            What::Model(choice) => choice.call.id,
            What::Plain(plain) => plain.request.id,
        }
    }

    /// The most that the call can come to, at its dearest candidate.
    pub(crate) fn worst_case(&self) -> Charged {
        match &self.what {
            What::Model(choice) => choice.worst_case(),
            What::Plain(_) => Charged::in_unit(Unit::Calls, 1),
        }
    }

    /// Whether what it comes to in money is known: a plain call costs none.
    pub(crate) fn is_priced(&self) -> bool {
        self.choice().is_none_or(Choice::is_priced)
    }

    /// The accounts of the call, where the candidates at `left_out` are not asked.
    pub(crate) fn legs(&self, left_out: &[usize]) -> Result<Arc<[LegAsk]>, Error> {
        match &self.what {
            What::Model(choice) => {
                let asked = choice.candidates_but(left_out).map(|(_, candidate)| candidate);
                self.resolved.legs_for(&self.policy, asked, self.at)
            }
            // What it holds nothing of is not asked.
            What::Plain(_) => Ok(self.resolved.calls.clone()),
        }
    }
}

impl Choice {
    /// The candidates but those at these places, each with its own, the first choice first.
    pub(crate) fn candidates_but(
        &self,
        left_out: &[usize],
    ) -> impl Iterator<Item = (usize, &Candidate)> {
        self.candidates.iter().enumerate().filter(|(at, _)| !left_out.contains(at))
    }

    /// Whether every candidate has a price.
    pub(crate) fn is_priced(&self) -> bool {
        self.candidates.iter().all(|candidate| candidate.price.is_some())
    }

    /// The most that the call can come to, at its dearest candidate.
    pub(crate) fn worst_case(&self) -> Charged {
        let output = self.output_bound();
        let money = self
            .candidates
            .iter()
            .filter_map(|candidate| candidate.price.as_ref())
            .map(|price| price.worst_case(self.input_bound, output))
            .max();
        Charged { money: money.unwrap_or(0), tokens: whole(self.input_bound + output), calls: 1 }
    }

    /// The largest ceiling with which the call would fit into `left` of `unit`; `None` if none
    /// does.
    pub(crate) fn ceiling_for(&self, unit: Unit, left: i64) -> Option<u64> {
        let most = self.ceiling?;
        let choices = self.call.request.choices();
        let fits = |ceiling: u64| {
            let output = ceiling.saturating_mul(choices);
            let need = match unit {
                Unit::Calls => 1,
                Unit::Tokens => whole(self.input_bound.saturating_add(output)),
                Unit::Money => self
                    .candidates
                    .iter()
                    .filter_map(|candidate| candidate.price.as_ref())
                    .map(|price| price.worst_case(self.input_bound, output))
                    .max()
                    .unwrap_or(0),
            };
            need <= left
        };
        if !fits(1) {
            return None;
        }
        // The need grows with the ceiling, so the largest that fits is found by halving.
        let (mut low, mut high) = (1, most);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(middle) { low = middle } else { high = middle - 1 }
        }
        Some(low)
    }

    fn output_bound(&self) -> u64 {
        self.ceiling.unwrap_or(0).saturating_mul(self.call.request.choices())
    }
}

/// What a decision looks at.
pub(crate) struct Decider<'a> {
    pub(crate) policy: &'a Arc<Policy>,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) prices: &'a dyn Prices,
    pub(crate) now: Timestamp,
    pub(crate) id: CallId,
    /// How often those may call a tool in a minute who say nothing of who they are, for each
    /// network.
    pub(crate) strangers_per_minute: u32,
}

impl Decider<'_> {
    /// Whether `principal` may make `call`, and with whom.
    pub(crate) fn decide(&self, principal: &Arc<Principal>, call: Call) -> Result<Permit, Error> {
        match call {
            Call::Model(call) => self.decide_model(principal, call),
            Call::Tool(call) => self.decide_tool(principal, call),
            Call::Connection(call) => self.decide_connection(principal, call),
        }
    }

    fn decide_model(
        &self,
        principal: &Arc<Principal>,
        mut call: ModelCall,
    ) -> Result<Permit, Error> {
        principal.admits(tollgate_kernel::Access::Models)?;
        let resolved = principal.known.standing.resolve(self.policy, self.now)?;
        let model = call.request.model();
        if !self.allows(principal, &resolved, model) {
            return Err(unknown_model(model));
        }
        let candidates = self.candidates(model)?;
        let mut applied = Applied::default();
        let profiles = Profiles::of(&principal.known.standing, &resolved);
        let profiles = profiles.filter(|_| call.request.route() != Route::Embeddings);
        if let Some(profiles) = &profiles {
            call.request = profiles.put_into(call.request, &mut applied)?;
        }
        let (candidates, facts) = self.priced(candidates, &call);
        self.check_price(&candidates, &resolved, &call)?;
        let input_bound = input_bound(&call, &facts)?;
        let mut ceiling = ceiling(&call, &resolved, &facts);
        if let (Some(profiles), Some(most)) = (&profiles, &mut ceiling) {
            *most = profiles.ceiling(call.request.output_ceiling(), *most, &mut applied);
        }
        let profile = applied.header();
        let choice = Choice { call, candidates, ceiling, input_bound, profile };
        Ok(self.permit(principal, resolved, What::Model(choice)))
    }

    /// A principal comes to a tool by the tool's own way in; one that came by another does not call
    /// it. What it shows to everybody it shows to who says nothing of themselves.
    fn decide_tool(&self, principal: &Arc<Principal>, call: ToolCall) -> Result<Permit, Error> {
        let ToolCall { tool, request } = call;
        let tool = self.policy.tools.get(&tool).ok_or_else(Error::not_found)?;
        let known = &principal.known;
        let open = tool.is_open(&request.method, request.path_and_query.as_str());
        let admitted = tool.knows(known) || (open && principal.is_anonymous());
        if !admitted {
            return Err(tool.unauthenticated(!principal.is_anonymous()));
        }
        let resolved = known.standing.resolve_plain(self.policy, self.now, || Strangers {
            network: principal.network.counted(),
            per_minute: self.strangers_per_minute,
        })?;
        let allowed = resolved.in_effect.as_ref().is_none_or(|it| it.plan.allows_tool(tool.id()));
        if !allowed {
            return Err(Error::not_found());
        }
        tool.check_scopes(&known.scopes)?;
        tool.target.check(&request)?;
        let plain = Plain { request, to: PlainTo::Tool(tool.clone()) };
        Ok(self.permit(principal, resolved, What::Plain(plain)))
    }

    /// A connection is called by its person alone; somebody else's does not exist.
    fn decide_connection(
        &self,
        principal: &Arc<Principal>,
        call: ConnectionCall,
    ) -> Result<Permit, Error> {
        let ConnectionCall { connection, refused, request } = call;
        principal.admits(Access::Connections)?;
        if principal.user() != Some(connection.user()) {
            return Err(Error::not_found());
        }
        let resolved = principal.known.standing.resolve(self.policy, self.now)?;
        check(&request)?;
        let plain =
            Plain { request, to: PlainTo::Connection(ConnectedTo { now: connection, refused }) };
        Ok(self.permit(principal, resolved, What::Plain(plain)))
    }

    fn permit(&self, principal: &Arc<Principal>, resolved: Arc<Resolved>, what: What) -> Permit {
        Permit(Arc::new(Decided {
            id: self.id,
            principal: principal.clone(),
            at: self.now,
            policy: self.policy.clone(),
            resolved,
            what,
        }))
    }

    /// Whether the plan, and the key or the token, allow `model`.
    pub(crate) fn allows(&self, principal: &Principal, resolved: &Resolved, model: &str) -> bool {
        let standing = &principal.known.standing;
        let by_key = standing.key.iter().flat_map(|key| &key.models);
        resolved.in_effect.as_ref().is_some_and(|it| it.plan.allows(model))
            && by_key
                .chain(&standing.models)
                .all(|models| models.iter().any(|pattern| pattern.matches(model)))
    }

    fn candidates(&self, model: &str) -> Result<Vec<(Arc<Upstream>, String)>, Error> {
        if let Some(alias) = self.policy.aliases.get(model) {
            let upstream = self.policy.upstreams.get(&alias.upstream);
            let upstream = upstream.ok_or_else(|| unknown_model(model))?;
            return Ok(vec![(upstream.clone(), alias.model.clone())]);
        }
        let known =
            self.policy.upstream_order.iter().filter_map(|id| self.policy.upstreams.get(id));
        let offers = known.clone().filter(|upstream| self.catalogue.offers(upstream.id(), model));
        let mut found: Vec<_> = offers.map(|u| (u.clone(), model.to_owned())).collect();
        if found.is_empty() {
            // An upstream whose list could not be had yet is asked itself.
            let unlisted = known.filter(|upstream| !self.catalogue.is_listed(upstream.id()));
            found.extend(unlisted.map(|u| (u.clone(), model.to_owned())));
        }
        if found.is_empty() { Err(unknown_model(model)) } else { Ok(found) }
    }

    fn priced(
        &self,
        candidates: Vec<(Arc<Upstream>, String)>,
        call: &ModelCall,
    ) -> (Vec<Candidate>, Vec<Option<ModelFacts>>) {
        let extras = call.request.extras();
        // The table has no price for sound, for pictures that are made, for other service tiers.
        let has_price = !extras.images_out
            && !extras.audio
            && extras.service_tier.is_none()
            && !extras.prediction;
        let mut facts = Vec::with_capacity(candidates.len());
        let with_price = candidates.into_iter().map(|(upstream, model)| {
            let known = self.prices.facts(&model, self.now);
            let price = known.as_ref().map(|facts| facts.price.clone()).filter(|_| has_price);
            facts.push(known);
            Candidate { upstream, model, price }
        });
        let with_price = with_price.collect();
        (with_price, facts)
    }

    /// A budget in money needs a price.
    fn check_price(
        &self,
        candidates: &[Candidate],
        resolved: &Resolved,
        call: &ModelCall,
    ) -> Result<(), Error> {
        if candidates.iter().all(|candidate| candidate.price.is_some()) {
            return Ok(());
        }
        let model = call.request.model();
        let legs = resolved.legs_for(self.policy, candidates.iter(), self.now)?;
        if legs.iter().any(|leg| leg.account.unit == Unit::Money) {
            return Err(Error::new(
                Kind::PriceUnknown,
                format!(
                    "A budget in money applies to this call, and it has no price: the model \
                     {model} is not in the price table, or the call asks for something that \
                     the table does not price (sound, pictures as output, predicted output, \
                     another service tier)."
                ),
            )
            .with_param("model"));
        }
        Ok(())
    }
}

/// The most input tokens: the bytes of the request, and where it holds more than text, the context
/// window of the model.
fn input_bound(call: &ModelCall, facts: &[Option<ModelFacts>]) -> Result<u64, Error> {
    let extras = call.request.extras();
    let bytes = call.request.input_bytes();
    if !(extras.images || extras.images_out || extras.audio || extras.prediction) {
        return Ok(bytes);
    }
    let windows: Option<Vec<u64>> =
        facts.iter().map(|facts| facts.as_ref()?.context_tokens).collect();
    let window = windows.and_then(|windows| windows.into_iter().max());
    let window = window.ok_or_else(|| {
        Error::invalid(
            "This call holds more than text (pictures, files, sound), and the context window of \
             the model is not known, so nothing bounds its cost. Use a model whose window is in \
             the price table, or send text.",
        )
        .with_param("model")
    })?;
    Ok(bytes.max(window))
}

/// The most output tokens of each answer: the smallest of what the caller, the plan and the model
/// say.
fn ceiling(call: &ModelCall, resolved: &Resolved, facts: &[Option<ModelFacts>]) -> Option<u64> {
    if call.request.route() == Route::Embeddings {
        return None;
    }
    let of_models = facts.iter().flatten().filter_map(|facts| facts.max_output_tokens).min();
    let plan = resolved.in_effect.as_ref().map_or(0, |it| it.plan.max_output_tokens);
    let plan = u64::from(plan);
    let most = of_models.map_or(plan, |of_models| plan.min(of_models));
    Some(call.request.output_ceiling().map_or(most, |asked| asked.min(most)))
}

fn unknown_model(model: &str) -> Error {
    let shown: String = model.chars().take(100).collect();
    Error::new(
        Kind::ModelNotFound,
        format!("The model `{shown}` does not exist or you do not have access to it."),
    )
    .with_param("model")
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
