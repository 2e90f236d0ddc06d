//! `tollgate serve` with certificates of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use serde_json::Value;

use crate::{PATIENCE, Running, Shell, program, until};

/// A certificate for localhost and its key, as PEM.
struct Pair {
    chain: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn write(&self, folder: &Path) {
        replace(&folder.join("c.pem"), &self.chain);
        replace(&folder.join("k.pem"), &self.key);
    }

    /// What the server on `port` answers to somebody who trusts this certificate alone.
    fn asks(&self, port: u16, path: &str) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = Stream::new(&mut tls, &mut stream);
        let host = format!("Host: localhost:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(format!("GET {path} HTTP/1.1\r\n{host}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// As those do who renew certificates: a new file in the old one's place.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

const CONFIG: &str = "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n\
                      [tls]\ncertificates = [{ cert = \"c.pem\", key = \"k.pem\" }]\n";

#[test]
fn serve_speaks_https_and_takes_new_certificates_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let shell = Shell { config: folder.path().join("tollgate.toml") };
    std::fs::write(&shell.config, CONFIG).unwrap();
    let [old, new] = [Pair::new(), Pair::new()];
    old.write(folder.path());
    let talk = folder.path().join("talk");
    let mut serve = program();
    serve.arg("--config").arg(&shell.config).arg("serve");
    let server = Running::start(&mut serve, Stdio::from(File::create(&talk).unwrap()));
    assert!(server.url.starts_with("https://localhost:"), "{}", server.url);

    let page = old.asks(server.port, "/login").unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("strict-transport-security: max-age=31536000"), "{page}");
    let cookie = page.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
    // The command line goes by the socket, whatever the certificate.
    assert!(shell.says("healthcheck").contains("ready"));
    // So does the doctor, who finds all well but that nobody owns it yet.
    let (code, found, _) = shell.run("doctor --json");
    let found: Vec<Value> = serde_json::from_str(&found).unwrap();
    let bad = found.iter().filter(|it| it["verdict"] == "bad").map(|it| it["check"].clone());
    assert_eq!((code, bad.collect::<Vec<_>>()), (1, vec!["owner".into()]), "{found:?}");
    let of = |check| found.iter().find(|it| it["check"] == check).unwrap()["what"].to_string();
    assert!(of("server").contains("ready") && of("address").contains("a server answers"));

    // The chain alone does not fit the key: what served before serves on, until the key comes too.
    let said = || std::fs::read_to_string(&talk).unwrap();
    replace(&folder.path().join("c.pem"), &new.chain);
    until("the key does not fit", || said().contains("new certificates are not used"));
    old.asks(server.port, "/livez").unwrap();
    new.write(folder.path());
    until("the new certificate serves", || new.asks(server.port, "/livez").is_ok());
    old.asks(server.port, "/livez").unwrap_err();
    for pair in [&old, &new] {
        let body = pair.key.lines().nth(1).unwrap();
        assert!(!said().contains(body), "a private key in the log");
    }
    server.program.stop();
}

#[test]
fn serve_names_the_certificate_that_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let shell = Shell { config: folder.path().join("tollgate.toml") };
    std::fs::write(&shell.config, CONFIG).unwrap();
    let (one, other) = (Pair::new(), Pair::new());
    shell.ends("serve", 78);
    for (chain, key, why) in [
        (&one.chain, &other.key, "the key does not serve"),
        (&one.chain, &one.chain, "no PEM of a key"),
        (&one.key, &one.key, "holds no certificate"),
    ] {
        replace(&folder.path().join("c.pem"), chain);
        replace(&folder.path().join("k.pem"), key);
        let (code, _, said) = shell.run("serve");
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(why) && said.contains("c.pem"), "{said}");
    }
}
