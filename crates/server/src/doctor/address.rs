//! Where the server is found, and by which certificate.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tollgate_kernel::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::Found;
use crate::ask::Asker;
use crate::certificates::CertificateFiles;
use crate::config::Config;
use crate::wire::socket_path;

/// When a certificate is so close to its end, whoever renews it has not.
const RENEWED_BEFORE_DAYS: i64 = 14;

/// How long a name is looked up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The certificates fit their keys and the public name, and last.
pub(super) fn certificates(config: &Config, now: Timestamp) -> Found {
    const CHECK: &str = "certificates";
    if let Err(exit) = CertificateFiles::read(&config.certificates) {
        return Found::bad(CHECK, exit.to_string(), "name files that belong together in [tls]");
    }
    if config.certificates.is_empty() {
        return Found::good(CHECK, "none: no https of our own");
    }
    let url = config.server.public_url(config.server.listen).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let mut named = false;
    let mut days = i64::MAX;
    for files in &config.certificates {
        let Ok(der) = CertificateDer::from_pem_file(&files.cert) else { continue };
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else { continue };
        named |= names(&certificate, host);
        days = days.min((certificate.validity().not_after.timestamp() - now.secs()) / 86_400);
        if certificate.validity().not_after.timestamp() < now.secs() {
            let what = format!("{} is over", files.cert.display());
            return Found::bad(CHECK, what, "renew it: a new file is taken without a restart");
        }
    }
    if !named {
        let what = format!("none is for {host}, which public_url names");
        return Found::bad(CHECK, what, "browsers will refuse: get one for that name");
    }
    if days < RENEWED_BEFORE_DAYS {
        let advice = "look why it was not renewed; a new file is taken without a restart";
        return Found::warning(CHECK, format!("one ends in {days} days"), advice);
    }
    Found::good(CHECK, format!("for {host}, good for {days} days"))
}

/// Whether `certificate` is for `host`, by its name or a star for its first label.
fn names(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return false };
    let rest = host.split_once('.').map(|(_, rest)| rest);
    alternatives.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(name) => match name.strip_prefix("*.") {
            Some(starred) => rest.is_some_and(|rest| rest.eq_ignore_ascii_case(starred)),
            None => name.eq_ignore_ascii_case(host),
        },
        GeneralName::IPAddress(bytes) => {
            let host = host.trim_matches(['[', ']']);
            host.parse::<std::net::IpAddr>().is_ok_and(|ip| match ip {
                std::net::IpAddr::V4(ip) => ip.octets() == **bytes,
                std::net::IpAddr::V6(ip) => ip.octets() == **bytes,
            })
        }
        _ => false,
    })
}

/// The public name is known to the world, and the place where we listen is ours or free.
pub(super) async fn address(config: &Config) -> Found {
    const CHECK: &str = "address";
    let listen = config.server.listen;
    let Ok(url) = config.server.public_url(listen) else {
        return Found::bad(CHECK, "public_url is no URL", "write https:// and a name");
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or_default();
    let asked = tokio::net::lookup_host((host.as_str(), port));
    let known = tokio::time::timeout(PATIENCE, asked).await;
    if !known.is_ok_and(|found| found.is_ok_and(|mut all| all.next().is_some())) {
        let what = format!("nobody knows the name {host}, which public_url has");
        return Found::bad(CHECK, what, "make an entry in your DNS, or correct server.public_url");
    }
    let ours = Asker::local(&socket_path(&config.server.data_dir)).await.is_ok();
    if !ours && let Err(error) = free(listen) {
        let what = format!("cannot listen at {listen}: {error}");
        return Found::bad(CHECK, what, "end what is there, or choose another server.listen");
    }
    let state = if ours { "a server answers" } else { "no server runs, the place is free" };
    Found::good(CHECK, format!("{url} is known; {state}"))
}

fn free(place: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(place).map(drop)
}
