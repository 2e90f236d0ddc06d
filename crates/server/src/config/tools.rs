//! The tools that the file declares.

use std::collections::HashSet;

use tollgate_tools::{ToolChange, UpstreamAuthBody};
use url::Url;

use super::Server;
use super::check::Checker;
use super::raw::Raw;
use super::raw_tool::{RawTool, RawUpstreamAuth};

impl Checker<'_> {
    /// The declared tools; two in one place are a mistake.
    pub(super) fn tools(&mut self, raw: &Raw, server: &Server) -> Vec<ToolChange> {
        self.no_name_twice("tool", "id", raw.tool.iter().map(|tool| &tool.id));
        let mut places = HashSet::new();
        for (at, tool) in raw.tool.iter().enumerate() {
            for (member, place) in [("host", &tool.host), ("path", &tool.path)] {
                if place.as_ref().is_some_and(|place| !places.insert((member, place))) {
                    self.fault(&format!("tool[{at}].{member}"), "another tool answers there");
                }
            }
            let taken = |other: &&RawTool| {
                // On a machine of its owner's each tool has this name anyway.
                other.id != tool.id && tool.host == Some(format!("{}.localhost", other.id))
            };
            if let Some(other) = raw.tool.iter().find(taken) {
                self.fault(&format!("tool[{at}].host"), format!("{} answers there", other.id));
            }
        }
        let public_url = match &server.stated_url {
            Some(url) => Some(url.clone()),
            // The port does not matter here.
            None => Url::parse("http://localhost").ok(),
        };
        let Some(public_url) = public_url else { return Vec::new() };
        let all = raw.tool.iter().enumerate();
        all.filter_map(|(at, tool)| {
            let path = format!("tool[{at}]");
            let change = self.tool(&path, tool)?;
            match change.check(&public_url, server.insecure_http) {
                Ok(()) => Some(change),
                Err(error) => {
                    let param = error.param().unwrap_or("id").to_owned();
                    self.fault(&format!("{path}.{param}"), error.detail());
                    None
                }
            }
        })
        .collect()
    }

    fn tool(&mut self, path: &str, raw: &RawTool) -> Option<ToolChange> {
        let id = self.slug(&format!("{path}.id"), &raw.id);
        let upstream_auth = raw.upstream_auth.as_ref().map(|auth| self.let_in(path, auth));
        Some(ToolChange {
            id: Some(id?),
            host: Some(raw.host.clone()),
            path: Some(raw.path.clone()),
            upstream_url: Some(raw.upstream_url.clone()),
            upstream_auth: Some(upstream_auth),
            openapi_url: raw.openapi_url.clone().map(Some),
            openapi: raw.openapi.clone().map(Some),
            auth: raw.auth.clone(),
            manifest: raw.manifest.clone(),
            verification_tokens: raw.verification_tokens.clone(),
            timeouts: raw.timeouts.clone(),
            state: None,
        })
    }

    fn let_in(&mut self, path: &str, raw: &RawUpstreamAuth) -> UpstreamAuthBody {
        let of = |member: &str| format!("{path}.upstream_auth.{member}");
        UpstreamAuthBody {
            kind: raw.kind.clone(),
            name: raw.name.clone(),
            value: self.optional_secret(&of("value"), raw.value.as_ref()),
            username: raw.username.clone(),
            password: self.optional_secret(&of("password"), raw.password.as_ref()),
        }
    }
}
