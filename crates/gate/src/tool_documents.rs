//! The OpenAPI documents of tools, fetched from where their owner says.

use std::time::Duration;

use tollgate_kernel::{Error, Kind};
use tollgate_store::ToolRecord;
use url::Url;

use crate::Gate;
use crate::fetch::{Document, DocumentForm, DocumentUrl, FetchTerms, Redirects};

/// OpenAPI documents are larger than other metadata, and may be YAML.
const TERMS: FetchTerms = FetchTerms {
    body_bytes: tollgate_protocol::document::MAX_BYTES,
    patience: Duration::from_secs(15),
    redirects: Redirects::None,
    form: DocumentForm::Any,
};

impl Gate {
    /// The OpenAPI document of `tool` as it is now, from the address that its owner has set. It
    /// carries no secret. An error names the tool; the reason is its cause, for the log.
    pub async fn tool_document(&self, tool: &ToolRecord) -> Result<Document, Error> {
        let url = tool.openapi_url.as_deref().ok_or_else(Error::not_found)?;
        let url = Url::parse(url).map_err(Error::internal)?;
        let fetched = self.fetcher.fetch_fresh(DocumentUrl::of_owner(&url)?, TERMS).await;
        fetched.map_err(|fault| {
            let what = format!(
                "The OpenAPI document of {} cannot be fetched. Its API is down, or its address \
                 is wrong.",
                tool.id
            );
            Error::new(Kind::UpstreamFailed, what).with_source(fault)
        })
    }
}
