//! Stand-in.
use std::sync::Arc;

use tollgate_kernel::{Error, PlainToken, Secret, Slug};
use tollgate_store::{NewSecret, ToolAuth, ToolRecord};

use crate::{Gate, Presented, Warrant};

/// A tool.
pub struct Tool {
    record: ToolRecord,
}

impl Tool {
    /// The record.
    pub fn record(&self) -> &ToolRecord {
        &self.record
    }
    /// x
    pub fn id(&self) -> &Slug {
        &self.record.id
    }
    /// x
    pub fn auth(&self) -> &ToolAuth {
        &self.record.auth
    }
    /// x
    pub fn address(&self) -> &str {
        ""
    }
    /// x
    pub fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        Some(path)
    }
}

impl Presented {
    /// x
    pub fn at_tool(_: Arc<Tool>, _: &http::HeaderMap) -> Self {
        Self::new()
    }
}

impl Gate {
    /// x
    pub fn tool(&self, _: &Slug) -> Option<Arc<Tool>> {
        None
    }
    /// x
    pub fn tools(&self) -> Vec<Arc<Tool>> {
        Vec::new()
    }
    /// x
    pub fn tool_of_host(&self, _: &str) -> Option<Arc<Tool>> {
        None
    }
    /// x
    pub fn tool_at(&self, _: &str, _: &str) -> Option<Arc<Tool>> {
        None
    }
    /// x
    pub fn seal_tool_auth(
        &self,
        _: &Warrant,
        _: &Slug,
        _: i64,
        _: &Secret,
    ) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
    /// x
    pub fn carry_tool_auth(&self, _: &Warrant, t: &ToolRecord) -> Result<Option<Vec<u8>>, Error> {
        Ok(t.upstream_auth_sealed.clone())
    }
    /// x
    pub fn service_secret(
        &self,
        _: &Tool,
        t: Option<PlainToken>,
    ) -> Result<(PlainToken, NewSecret), Error> {
        let t = t.unwrap_or(PlainToken::new("x".to_owned()));
        let hash = self.mac(crate::Purpose::Cursor, t.expose().as_bytes());
        let secret = NewSecret { hash: *hash.as_bytes(), tail: t.tail() };
        Ok((t, secret))
    }
}
