//! Stylesheets and scripts, each under a name that changes with its content.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use rust_embed::RustEmbed;
use tollgate_kernel::Error;

use crate::context::Exchange;
use crate::extract::Path;
use crate::reply::Reply;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Shell;

/// All files of all doors.
#[derive(Default)]
pub struct Assets {
    /// The name in the address, by the file's own name.
    names: BTreeMap<String, String>,
    files: BTreeMap<String, File>,
}

struct File {
    bytes: Bytes,
    content_type: HeaderValue,
}

impl Assets {
    /// The shell's own stylesheet and script.
    pub fn shell() -> Self {
        Self::default().with::<Shell>()
    }

    /// These and the files of a door.
    pub fn with<E: RustEmbed>(mut self) -> Self {
        for name in E::iter() {
            let Some(file) = E::get(&name) else { continue };
            let mut tag = String::new();
            for byte in file.metadata.sha256_hash().iter().take(6) {
                // Writing to memory cannot fail.
                let _ = write!(tag, "{byte:02x}");
            }
            let (stem, kind) = name.rsplit_once('.').unwrap_or((&name, "bin"));
            let public = format!("{stem}-{tag}.{kind}");
            let content_type = match kind {
                "css" => "text/css; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "svg" => "image/svg+xml",
                _ => "application/octet-stream",
            };
            let content_type = HeaderValue::from_static(content_type);
            let bytes = Bytes::from(file.data.into_owned());
            self.names.insert(name.to_string(), public.clone());
            self.files.insert(public, File { bytes, content_type });
        }
        self
    }

    /// The address of the file called `name`, for example `/assets/tollgate-0a1b2c3d4e5f.css`.
    pub fn path(&self, name: &str) -> String {
        format!("/assets/{}", self.names.get(name).map_or(name, String::as_str))
    }
}

/// A file never changes under its name, so it is kept for a year.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) async fn serve(exchange: Exchange, Path(name): Path<String>) -> Reply {
    let file = exchange.edge().assets.files.get(&name).ok_or_else(Error::not_found)?;
    let mut response = Response::new(file.bytes.clone().into());
    response.headers_mut().insert(CONTENT_TYPE, file.content_type.clone());
    response.headers_mut().insert(CACHE_CONTROL, FOREVER);
    Ok(response)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn u6_the_shell_is_small() {
        let size = |name: &str| Shell::get(name).unwrap().data.len();
        assert!(size("tollgate.css") <= 16 * 1_024);
        assert!(size("tollgate.js") <= 4 * 1_024);
    }

    #[test]
    fn a_name_carries_its_content() {
        let path = Assets::shell().path("tollgate.css");
        assert!(path.starts_with("/assets/tollgate-") && path.ends_with(".css"), "{path}");
        assert_eq!(path.len(), "/assets/tollgate-012345678901.css".len());
    }
}
