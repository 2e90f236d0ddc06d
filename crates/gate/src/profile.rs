//! Profiles: what a plan and a person's account put into a call of a model, and what of it was put.
//!
//! It is put in before the bounds of the call are worked out, so that a hold counts it. Calls that
//! no profile concerns are not looked at.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tollgate_kernel::{About, Ceilings, Defaults, Effort, Error, Profile, UserId};
use tollgate_protocol::openai::{Bound, ModelRequest, Put, Shape};

use crate::Permit;
use crate::standing::{Resolved, Standing};

/// The profiles that concern a call: of the plan, and of the person, which comes first.
pub(crate) struct Profiles<'a> {
    plan: Option<&'a Profile>,
    user: Option<&'a Profile>,
    about: About<'a>,
}

/// Whose profile something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Plan,
    User,
}

/// The names of what was put into a call, by whose profile it comes from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    plan: Vec<&'static str>,
    user: Vec<&'static str>,
}

/// A member of both profiles, as it counts.
#[derive(Clone, Copy)]
struct Rule<T> {
    default: Option<(T, Whose)>,
    ceiling: Option<(T, Whose)>,
}

impl<'a> Profiles<'a> {
    /// The profiles that concern the calls of somebody who stands so; `None` where there are none.
    pub(crate) fn of(standing: &'a Standing, resolved: &'a Resolved) -> Option<Self> {
        let plan = &resolved.in_effect.as_ref()?.plan;
        let caller = standing.caller.as_deref();
        let (of_plan, user) = (plan.profile.as_ref(), caller.and_then(|it| it.profile.as_deref()));
        if of_plan.is_none() && user.is_none() {
            return None;
        }
        let about = About {
            name: caller.map_or("", |caller| &caller.name),
            locale: caller.and_then(|caller| caller.locale.as_deref()),
            plan: &plan.id,
        };
        Some(Self { plan: of_plan, user, about })
    }

    /// The instructions as they are said to the model, without places in them; empty where there
    /// are none.
    fn instructions(&self) -> (String, Whose) {
        let of = |profile: Option<&'a Profile>| profile.and_then(|it| it.instructions.as_ref());
        match (of(self.user), of(self.plan)) {
            (Some(template), _) => (template.filled(self.about), Whose::User),
            (None, Some(template)) => (template.filled(self.about), Whose::Plan),
            (None, None) => (String::new(), Whose::Plan),
        }
    }

    /// Puts everything but the output limit into `request`.
    pub(crate) fn put_into(
        &self,
        request: ModelRequest,
        applied: &mut Applied,
    ) -> Result<ModelRequest, Error> {
        let (instructions, teller) = self.instructions();
        let temperature = self.rule(|it| it.temperature, |it| it.temperature);
        let top_p = self.rule(|it| it.top_p, |it| it.top_p);
        let effort = self.rule(|it| it.reasoning_effort, |_| None).default;
        let shape = Shape {
            instructions: &instructions,
            temperature: temperature.bound(),
            top_p: top_p.bound(),
            reasoning_effort: effort.map(|(effort, _): (Effort, _)| effort.as_str()),
        };
        let Some((request, done)) = request.shaped(&shape)? else { return Ok(request) };
        applied.note("instructions", done.instructions.then_some(teller));
        applied.note("temperature", done.temperature.and_then(|put| temperature.whose(put)));
        applied.note("top_p", done.top_p.and_then(|put| top_p.whose(put)));
        let thinker = effort.map(|(_, whose)| whose);
        applied.note("reasoning_effort", thinker.filter(|_| done.reasoning_effort));
        Ok(request)
    }

    /// The most output tokens of each answer of a call that `asked` for so many, where it may have
    /// `most` without a profile.
    pub(crate) fn ceiling(&self, asked: Option<u64>, most: u64, applied: &mut Applied) -> u64 {
        let rule = self.rule(|it| it.max_output_tokens, |it| it.max_output_tokens);
        let lower = |most: u64, bound: Option<(u32, Whose)>| match bound {
            Some((bound, whose)) if u64::from(bound) < most => (u64::from(bound), Some(whose)),
            _ => (most, None),
        };
        let without = asked.map_or(most, |asked| asked.min(most));
        let (ceiling, mut whose) = lower(without, rule.ceiling);
        let (ceiling, by_default) = match asked {
            Some(_) => (ceiling, None),
            None => lower(ceiling, rule.default),
        };
        whose = by_default.or(whose);
        applied.note("max_output_tokens", whose);
        ceiling
    }

    /// The defaults of the person's profile come before the plan's; of ceilings the lower counts.
    fn rule<T: Copy + PartialOrd>(
        &self,
        default: impl Fn(&Defaults) -> Option<T>,
        ceiling: impl Fn(&Ceilings) -> Option<T>,
    ) -> Rule<T> {
        let both = [(self.plan, Whose::Plan), (self.user, Whose::User)];
        let mut rule = Rule { default: None, ceiling: None };
        for (profile, whose) in both {
            let Some(profile) = profile else { continue };
            if let Some(value) = default(&profile.defaults) {
                rule.default = Some((value, whose));
            }
            if let Some(value) = ceiling(&profile.ceilings)
                && rule.ceiling.is_none_or(|(lowest, _)| value < lowest)
            {
                rule.ceiling = Some((value, whose));
            }
        }
        rule
    }
}

impl Rule<f64> {
    fn bound(&self) -> Bound {
        let number = |of: Option<(f64, Whose)>| of.map(|(number, _)| number);
        Bound { default: number(self.default), ceiling: number(self.ceiling) }
    }

    fn whose(&self, put: Put) -> Option<Whose> {
        let of = match put {
            Put::Default => self.default,
            Put::Ceiling => self.ceiling,
        };
        of.map(|(_, whose)| whose)
    }
}

impl Applied {
    fn note(&mut self, what: &'static str, whose: Option<Whose>) {
        match whose {
            Some(Whose::Plan) => self.plan.push(what),
            Some(Whose::User) => self.user.push(what),
            None => {}
        }
    }

    /// The value of the header that tells it, a list of tokens with a parameter each (RFC 9651,
    /// 3.1): `plan;applied="instructions, top_p"`. `None` where nothing was put.
    pub(crate) fn header(&self) -> Option<Box<str>> {
        let mut text = String::new();
        for (whose, names) in [("plan", &self.plan), ("user", &self.user)] {
            if names.is_empty() {
                continue;
            }
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to memory does not fail.
            let _ = write!(text, "{comma}{whose};applied=\"{}\"", names.join(", "));
        }
        (!text.is_empty()).then(|| text.into())
    }
}

impl Permit {
    /// What profiles put into the call, as the header `Tollgate-Profile` tells it; `None` where
    /// nothing was put.
    pub fn profile(&self) -> Option<&str> {
        self.0.choice()?.profile.as_deref()
    }
}

/// What templates and calls need to know of somebody.
#[derive(Default)]
pub(crate) struct CallerFacts {
    /// What they are called; empty where nobody but an app has said it, since what an app calls
    /// somebody is between the two and no provider's to know.
    pub(crate) name: String,
    /// Their language.
    pub(crate) locale: Option<String>,
    /// A profile of their own.
    pub(crate) profile: Option<Arc<Profile>>,
}

/// The profiles of people: one of each, however many credentials of theirs are remembered.
#[derive(Default)]
pub(crate) struct SharedProfiles(Mutex<HashMap<UserId, Weak<Profile>>>);

impl SharedProfiles {
    /// `profile`, which is that of `user` now, as it is shared with other credentials of theirs.
    pub(crate) fn shared(&self, user: UserId, profile: Arc<Profile>) -> Arc<Profile> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.get(&user).and_then(Weak::upgrade).filter(|known| *known == profile);
        if let Some(same) = same {
            return same;
        }
        // Swept as often as it doubles: with many people each would go through all others.
        if known.len().is_power_of_two() {
            known.retain(|_, profile| profile.strong_count() > 0);
        }
        known.insert(user, Arc::downgrade(&profile));
        profile
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tollgate_kernel::Slug;

    use super::*;

    fn profile(json: &str) -> Profile {
        serde_json::from_str(json).unwrap()
    }

    fn with<R>(
        plan: &str,
        user: &str,
        act: impl Fn(&Profiles<'_>, &mut Applied) -> R,
    ) -> (R, String) {
        let (plan, user) = (profile(plan), profile(user));
        let id = Slug::parse("small").unwrap();
        let about = About { name: "Ada", locale: None, plan: &id };
        let profiles = Profiles { plan: Some(&plan), user: Some(&user), about };
        let mut applied = Applied::default();
        let got = act(&profiles, &mut applied);
        (got, applied.header().map(String::from).unwrap_or_default())
    }

    #[test]
    fn a_persons_own_comes_first_and_the_lower_ceiling_counts() {
        let plan = r#"{"instructions": "plan {{plan}}",
            "defaults": {"temperature": 0.5, "top_p": 1},
            "ceilings": {"temperature": 0.4, "top_p": 0.9}}"#;
        let user = r#"{"instructions": "for {{name}}", "defaults": {"top_p": 0.8},
            "ceilings": {"temperature": 1}}"#;
        let (body, header) = with(plan, user, |profiles, applied| {
            let body = r#"{"model":"m","messages":[]}"#;
            let route = tollgate_protocol::openai::Route::ChatCompletions;
            let request = ModelRequest::parse(route, body.into()).unwrap();
            let request = profiles.put_into(request, applied).unwrap();
            String::from_utf8(request.body().to_vec()).unwrap()
        });
        let message = r#"{"role":"system","content":"for Ada"}"#;
        let rest = r#""temperature":0.4,"top_p":0.8"#;
        assert_eq!(body, format!(r#"{{"model":"m","messages":[{message}],{rest}}}"#));
        let told = r#"plan;applied="temperature", user;applied="instructions, top_p""#;
        assert_eq!(header, told);
    }

    #[test]
    fn a_persons_credentials_share_one_profile() {
        let shared = SharedProfiles::default();
        let user = |last: char| -> UserId {
            format!("00000000-0000-7000-8000-00000000000{last}").parse().unwrap()
        };
        let (ada, ben) = (user('1'), user('2'));
        let brief = || Arc::new(profile(r#"{"instructions": "Be brief."}"#));
        let first = shared.shared(ada, brief());
        assert!(Arc::ptr_eq(&first, &shared.shared(ada, brief())));
        assert!(!Arc::ptr_eq(&first, &shared.shared(ben, brief())), "ben's may change by itself");
        let changed = shared.shared(ada, Arc::new(profile(r#"{"instructions": "Be kind."}"#)));
        assert_ne!(first, changed);
        assert!(Arc::ptr_eq(&changed, &shared.shared(ada, Arc::new((*changed).clone()))));
        // What nobody uses is not kept.
        drop((first, changed));
        shared.shared(ben, brief());
        assert_eq!(shared.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_output_ceiling_is_the_lowest_of_all() {
        let plan =
            r#"{"defaults": {"max_output_tokens": 50}, "ceilings": {"max_output_tokens": 80}}"#;
        let user = r#"{"ceilings": {"max_output_tokens": 60}}"#;
        let of = |user: &str, asked, most| {
            with(plan, user, |profiles, applied| profiles.ceiling(asked, most, applied))
        };
        let by = |whose: &str| format!("{whose};applied=\"max_output_tokens\"");
        assert_eq!(of("{}", None, 100), (50, by("plan")));
        assert_eq!(of("{}", Some(90), 100), (80, by("plan")));
        assert_eq!(of(user, Some(90), 100), (60, by("user")));
        assert_eq!(of(user, Some(40), 100), (40, String::new()));
        assert_eq!(of(user, None, 30), (30, String::new()), "the plan's own ceiling is lower");
        let user =
            r#"{"defaults": {"max_output_tokens": 70}, "ceilings": {"max_output_tokens": 60}}"#;
        assert_eq!(of(user, None, 100), (60, by("user")), "a default does not pass its ceiling");
    }
}
