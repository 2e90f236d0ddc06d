use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tollgate_kernel::Timestamp;

use super::state::Facts;
use super::*;
use crate::config::FileSource;

const NOW: Timestamp = Timestamp::from_secs(1_800_500_000);

/// A folder with a configuration file.
struct Place {
    folder: TempDir,
    config: Config,
}

impl Place {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let path = folder.path().join("tollgate.toml");
        let text = format!("server.data_dir = \".\"\n{text}");
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let sources = Sources { file: Some(FileSource { path, text }), ..Sources::default() };
        let config = Config::load(&sources).map_err(|problems| problems.to_string()).unwrap();
        Self { folder, config }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }
}

fn is(found: &Found, verdict: Verdict) {
    assert_eq!(found.verdict, verdict, "{}", found.what);
    let needs_advice = matches!(verdict, Verdict::Warning | Verdict::Bad);
    assert_eq!(found.advice.is_some(), needs_advice, "{}", found.what);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_with_its_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    fs::write(&file, "server.lisen = 1\nstore.url = 7\n").unwrap();
    let found = look(Some(&file)).await;
    is(&found[0], Verdict::Bad);
    assert!(found[0].what.contains("server.lisen") && found[0].what.contains("store.url"));
    assert_eq!(found.len(), 1 + AFTER_CONFIGURATION.len());
    assert!(found[1..].iter().all(|found| found.verdict == Verdict::NotLooked));
    assert_eq!(found[0].check, "configuration");
}

#[tokio::test]
async fn every_check_has_its_line_and_a_new_folder_is_well() {
    let place = Place::new("server.listen = \"127.0.0.1:0\"\n");
    let found = look(Some(&place.path("tollgate.toml"))).await;
    let checks: Vec<&str> = found.iter().skip(1).map(|found| found.check).collect();
    assert_eq!(checks, AFTER_CONFIGURATION);
    assert!(found.iter().all(|found| found.verdict != Verdict::Bad), "{found:?}");
    assert!(table(&found).to_string().contains("disk speed"));
    let left = fs::read_dir(place.folder.path()).unwrap().count();
    assert_eq!(left, 1, "it leaves nothing behind");
}

#[test]
fn a_file_with_secrets_is_for_its_owner_alone() {
    let place = Place::new("vault.master_key = \"aa\"\n");
    let file = place.path("tollgate.toml");
    is(&files::configuration_file(Some(&file), &place.config), Verdict::Bad);
    place.mode("tollgate.toml", 0o600);
    is(&files::configuration_file(Some(&file), &place.config), Verdict::Good);
    let place = Place::new("");
    let file = place.path("tollgate.toml");
    is(&files::configuration_file(Some(&file), &place.config), Verdict::Good);
    is(&files::configuration_file(Some(&place.path("none")), &place.config), Verdict::Bad);
}

#[test]
fn a_data_folder_is_ours_alone() {
    let place = Place::new("");
    is(&files::data_folder(place.folder.path()), Verdict::Good);
    place.mode(".", 0o755);
    is(&files::data_folder(place.folder.path()), Verdict::Bad);
    is(&files::data_folder(&place.path("tollgate.toml")), Verdict::Bad);
    is(&files::data_folder(&place.path("later")), Verdict::Good);
}

#[test]
fn a_master_key_is_there_and_a_key_and_a_secret() {
    let place = Place::new("");
    is(&files::master_key(&place.config), Verdict::Good);
    fs::write(place.path("tollgate.db"), "").unwrap();
    is(&files::master_key(&place.config), Verdict::Bad);
    fs::write(place.path("master.key"), "07".repeat(32)).unwrap();
    place.mode("master.key", 0o600);
    is(&files::master_key(&place.config), Verdict::Good);
    place.mode("master.key", 0o640);
    is(&files::master_key(&place.config), Verdict::Bad);
    fs::write(place.path("master.key"), "short").unwrap();
    is(&files::master_key(&place.config), Verdict::Bad);
    is(&files::master_key(&Place::new("vault.master_key = \"aa\"\n").config), Verdict::Bad);
}

#[test]
fn a_disk_has_room() {
    for (mib, verdict) in [(99, Verdict::Bad), (1_000, Verdict::Warning), (1_024, Verdict::Good)] {
        is(&files::space(mib * 1024 * 1024), verdict);
    }
    assert!(files::disk_space(&tempfile::tempdir().unwrap().path().join("x")).what.contains("MiB"));
}

#[test]
fn a_disk_keeps_what_it_is_told_soon() {
    is(&files::speed(Duration::from_millis(9)), Verdict::Good);
    is(&files::speed(Duration::from_millis(11)), Verdict::Warning);
    let found = files::disk_speed(tempfile::tempdir().unwrap().path(), &SystemClock::new());
    assert!(found.what.contains("durable after"), "{}", found.what);
    is(&files::disk_speed(Path::new("/proc/self"), &SystemClock::new()), Verdict::Bad);
}

/// A configuration with a certificate for `name` that is good from 2026 until this year and month.
fn certified(name: &str, (year, month): (i32, u8)) -> Place {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, month, 1);
    let certificate = params.self_signed(&key).unwrap();
    let keys = tempfile::tempdir().unwrap().keep();
    fs::write(keys.join("c.pem"), certificate.pem()).unwrap();
    fs::write(keys.join("k.pem"), key.serialize_pem()).unwrap();
    let keys = keys.display();
    Place::new(&format!(
        "server.public_url = \"https://ai.example.com\"\n[tls]\ncertificates = \
         [{{ cert = \"{keys}/c.pem\", key = \"{keys}/k.pem\" }}]\n"
    ))
}

#[test]
fn certificates_are_for_the_public_name_and_last() {
    // It is January 2027.
    for (name, until, verdict) in [
        ("ai.example.com", (2028, 1), Verdict::Good),
        ("*.example.com", (2028, 1), Verdict::Good),
        ("other.example.com", (2028, 1), Verdict::Bad),
        ("*.ai.example.com", (2028, 1), Verdict::Bad),
        ("ai.example.com", (2027, 1), Verdict::Bad),
        ("ai.example.com", (2027, 2), Verdict::Warning),
    ] {
        is(&address::certificates(&certified(name, until).config, NOW), verdict);
    }
    let place = certified("ai.example.com", (2028, 1));
    fs::write(&place.config.certificates[0].key, "none").unwrap();
    is(&address::certificates(&place.config, NOW), Verdict::Bad);
    is(&address::certificates(&Place::new("").config, NOW), Verdict::Good);
}

#[tokio::test]
async fn an_address_is_known_and_free() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let place = Place::new(&format!("server.listen = \"{at}\"\n"));
    is(&address::address(&place.config).await, Verdict::Bad);
    drop(taken);
    is(&address::address(&place.config).await, Verdict::Good);
    let place = Place::new(
        "server.listen = \"127.0.0.1:0\"\nserver.public_url = \"https://no.such.name.invalid\"\n\
         server.trusted_proxies = [\"127.0.0.1/32\"]\n",
    );
    let found = address::address(&place.config).await;
    is(&found, Verdict::Bad);
    assert!(found.what.contains("no.such.name.invalid"));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_told() {
    let place = Place::new("");
    fs::write(place.path("tollgate.db"), "no database at all, whatever its name says").unwrap();
    let found = state::state(&place.config, NOW).await;
    is(&found[0], Verdict::Bad);
    assert!(found[1..].iter().all(|found| found.verdict == Verdict::NotLooked));
}

#[test]
fn a_clock_stands_behind_nothing_that_was_written() {
    let newest = |secs| Facts { newest: Some(Timestamp::from_secs(secs)), ..Facts::default() };
    is(&state::clock(&newest(NOW.secs() + 60), NOW), Verdict::Bad);
    is(&state::clock(&newest(NOW.secs() - 60), NOW), Verdict::Good);
    is(&state::clock(&Facts::default(), NOW), Verdict::Good);
}

#[test]
fn an_installation_has_an_owner() {
    is(&state::owner(&Facts::default()), Verdict::Bad);
    is(&state::owner(&Facts { has_owner: true, ..Facts::default() }), Verdict::Good);
}

#[tokio::test]
async fn model_providers_are_there_and_reached() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}/v1", server.local_addr().unwrap());
    let with = |base_url: &str, trouble: Option<&str>| {
        let provider = ("openai".to_owned(), base_url.to_owned(), trouble.map(str::to_owned));
        Facts { providers: vec![provider], ..Facts::default() }
    };
    is(&state::model_providers(&Facts::default()).await, Verdict::Warning);
    is(&state::model_providers(&with(&here, None)).await, Verdict::Good);
    is(&state::model_providers(&with(&here, Some("key_refused"))).await, Verdict::Bad);
    drop(server);
    is(&state::model_providers(&with(&here, None)).await, Verdict::Bad);
}
