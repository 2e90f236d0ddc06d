//! The objects that the file declares: upstreams, models, plans, providers.

use std::collections::HashSet;
use std::time::Duration;

use tollgate_edge::shapes::patched_profile;
use tollgate_gate::check_provider;
use tollgate_kernel::{Budget, ModelPattern, Plan, ProviderKind, Rates, Slug, ToolPattern};
use tollgate_store::ProviderRecord;
use url::Url;

use super::check::{Checker, is_loopback, web_url};
use super::raw::{RawBudget, RawModel, RawProvider, RawRates, RawUpstream};
use super::raw_plan::RawPlan;
use super::{ModelDecl, ProviderDecl, UpstreamDecl};

impl Checker<'_> {
    /// The declared upstreams; `in_the_clear` if keys may go out unencrypted.
    pub(super) fn upstreams(
        &mut self,
        raw: &[RawUpstream],
        in_the_clear: bool,
    ) -> Vec<UpstreamDecl> {
        self.no_name_twice("upstream", "id", raw.iter().map(|upstream| &upstream.id));
        let all = raw.iter().enumerate();
        let declared: Vec<UpstreamDecl> = all
            .filter_map(|(at, upstream)| self.upstream(&format!("upstream[{at}]"), upstream))
            .collect();
        for (at, upstream) in declared.iter().enumerate() {
            let plain = upstream.base_url.scheme() == "http" && !is_loopback(&upstream.base_url);
            if plain && upstream.api_key.is_some() && !in_the_clear {
                let message = "would carry the key unencrypted: use https";
                self.fault(&format!("upstream[{at}].base_url"), message);
            }
        }
        declared
    }

    fn upstream(&mut self, path: &str, raw: &RawUpstream) -> Option<UpstreamDecl> {
        let id = self.slug(&format!("{path}.id"), &raw.id);
        let base_url = self.parsed(&format!("{path}.base_url"), &raw.base_url, base_url);
        let api_key = self.optional_secret(&format!("{path}.api_key"), raw.api_key.as_ref());
        let header = raw.header.as_ref().and_then(|header| {
            self.parsed(&format!("{path}.header"), header, |text| {
                http::HeaderName::try_from(text)
                    .map(|name| name.as_str().to_owned())
                    .map_err(|_| "is not the name of a header")
            })
        });
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Some(UpstreamDecl {
            id: id?,
            base_url: base_url?,
            api_key,
            header,
            first_byte_timeout: ms(raw.timeouts.first_byte_ms),
            silence_timeout: ms(raw.timeouts.silence_ms),
        })
    }

    pub(super) fn models(&mut self, raw: &[RawModel]) -> Vec<ModelDecl> {
        self.no_name_twice("model", "alias", raw.iter().map(|model| &model.alias));
        let all = raw.iter().enumerate();
        all.filter_map(|(at, model)| self.model(&format!("model[{at}]"), model)).collect()
    }

    fn model(&mut self, path: &str, raw: &RawModel) -> Option<ModelDecl> {
        let alias = self.slug(&format!("{path}.alias"), &raw.alias);
        let upstream = self.slug(&format!("{path}.upstream"), &raw.upstream);
        if raw.model.trim().is_empty() || raw.model.len() > ModelPattern::MAX_LEN {
            self.fault(&format!("{path}.model"), "should be the model's name at the upstream");
        }
        let budgets = self.budgets(path, &raw.budgets);
        Some(ModelDecl { alias: alias?, upstream: upstream?, model: raw.model.clone(), budgets })
    }

    pub(super) fn plans(&mut self, raw: &[RawPlan]) -> Vec<Plan> {
        self.no_name_twice("plan", "id", raw.iter().map(|plan| &plan.id));
        let all = raw.iter().enumerate();
        all.filter_map(|(at, plan)| self.plan(&format!("plan[{at}]"), plan)).collect()
    }

    fn plan(&mut self, path: &str, raw: &RawPlan) -> Option<Plan> {
        let id = self.slug(&format!("{path}.id"), &raw.id);
        let patterns = raw.models.iter().enumerate().filter_map(|(at, text)| {
            let pattern = ModelPattern::parse(text);
            pattern.map_err(|e| self.fault(&format!("{path}.models[{at}]"), e.detail())).ok()
        });
        let models = patterns.collect();
        let tools = raw.tools.as_ref().map(|tools| {
            let patterns = tools.iter().enumerate().filter_map(|(at, text)| {
                let pattern = ToolPattern::parse(text);
                pattern.map_err(|e| self.fault(&format!("{path}.tools[{at}]"), e.detail())).ok()
            });
            patterns.collect()
        });
        let budgets = self.budgets(path, &raw.budgets);
        let zone = Plan::zone(&raw.time_zone);
        let zone = zone.map_err(|e| self.fault(&format!("{path}.time_zone"), e.detail())).ok();
        let profile = raw.profile.clone().and_then(|profile| {
            let read = patched_profile(None, profile);
            read.unwrap_or_else(|error| {
                let param = error.param().unwrap_or("profile").to_owned();
                self.fault(&format!("{path}.{param}"), error.detail());
                None
            })
        });
        let RawRates { requests_per_minute, tokens_per_minute, concurrent } = raw.rates;
        Some(Plan {
            id: id?,
            models,
            tools,
            rates: Rates { requests_per_minute, tokens_per_minute, concurrent },
            budgets,
            time_zone: zone?,
            max_output_tokens: raw.max_output_tokens,
            profile,
        })
    }

    pub(super) fn providers(&mut self, raw: &[RawProvider]) -> Vec<ProviderDecl> {
        self.no_name_twice("provider", "id", raw.iter().map(|provider| &provider.id));
        let all = raw.iter().enumerate();
        all.filter_map(|(at, provider)| self.provider(&format!("provider[{at}]"), provider))
            .collect()
    }

    fn provider(&mut self, path: &str, raw: &RawProvider) -> Option<ProviderDecl> {
        let id = self.slug(&format!("{path}.id"), &raw.id);
        let kind = self.parsed(&format!("{path}.kind"), &raw.kind, str::parse::<ProviderKind>);
        let secret_path = format!("{path}.client_secret");
        let client_secret = self.optional_secret(&secret_path, raw.client_secret.as_ref());
        let method = raw.auth_method.as_ref().map(|method| {
            self.parsed(&format!("{path}.auth_method"), method, |text| match text {
                "client_secret_basic" => Ok(false),
                "client_secret_post" => Ok(true),
                _ => Err("should be client_secret_basic or client_secret_post"),
            })
        });
        let mut provider = ProviderRecord::new(id?, kind?, raw.client_id.clone());
        provider.name.clone_from(&raw.name);
        provider.issuer.clone_from(&raw.issuer);
        provider.secret_in_form = method.flatten();
        provider.endpoints.clone_from(&raw.endpoints);
        provider.fields.clone_from(&raw.fields);
        provider.scopes.clone_from(&raw.scopes);
        provider.enabled = raw.enabled;
        if let Err(error) = check_provider(&provider) {
            let param = error.param().unwrap_or("id").to_owned();
            self.fault(&format!("{path}.{param}"), error.detail());
            return None;
        }
        Some(ProviderDecl { provider, client_secret })
    }

    /// The budgets under `path`.
    pub(super) fn budgets(&mut self, path: &str, raw: &[RawBudget]) -> Vec<Budget> {
        let budgets: Vec<Budget> = raw
            .iter()
            .map(|RawBudget { unit, limit, period }| Budget {
                unit: *unit,
                limit: *limit,
                period: *period,
            })
            .collect();
        if let Err(error) = Budget::check(&budgets) {
            let param = error.param().unwrap_or("budgets").to_owned();
            self.fault(&format!("{path}.{param}"), error.detail());
        }
        budgets
    }

    pub(super) fn no_name_twice<'n>(
        &mut self,
        list: &str,
        key: &str,
        names: impl Iterator<Item = &'n String>,
    ) {
        let mut seen = HashSet::new();
        for (at, name) in names.enumerate() {
            if !seen.insert(name) && Slug::parse(name).is_ok() {
                let message = format!("{name:?} is there twice; give each {list} its own");
                self.fault(&format!("{list}[{at}].{key}"), message);
            }
        }
    }
}

/// Where the routes of an upstream start, without a slash at the end.
fn base_url(text: &str) -> Result<Url, &'static str> {
    let mut url = web_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("should have no query and no fragment");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}
