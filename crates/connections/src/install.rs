//! Installing somebody else's tool: looking at it, keeping it, what the owner says of it, and
//! verifying that who entered its secret has the domain too.

use std::sync::Arc;

use tollgate_gate::{Facts, Install, Principal, Verification, Warrant};
use tollgate_kernel::{
    Error, InstallId, InstallState, Kind, Manage, Noun, Secret, Suspension, Timestamp,
};
use tollgate_protocol::plugin_host::Auth;
use tollgate_store::{AuditEvent, InstallRecord};
use url::Url;

use crate::state::ConnectionsState;

/// Looking at installs.
pub(crate) const READ: Manage = Manage::read(Noun::Installs);
/// Changing installs.
pub(crate) const WRITE: Manage = Manage::write(Noun::Installs);

/// The most installs.
const MOST: usize = 1_000;

/// The longest address or scope that is set, in bytes.
const LONGEST: usize = 2_048;

/// What the owner says of a tool. What is left out stays; an inner `None` takes it away.
#[derive(Default)]
pub(crate) struct Wish {
    pub(crate) service_token: Option<Secret>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) confirmed_hosts: Option<Vec<String>>,
    pub(crate) client_url: Option<Option<String>>,
    pub(crate) authorization_url: Option<Option<String>>,
    pub(crate) scope: Option<Option<String>>,
    pub(crate) pkce: Option<bool>,
    pub(crate) state_optional: Option<bool>,
    pub(crate) suspended: Option<bool>,
}

/// What the tool at `place` publishes. Nothing is kept.
pub(crate) async fn look(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    place: &str,
) -> Result<Facts, Error> {
    let warrant = state.allow(caller, WRITE)?;
    state.gate.find_tool(&warrant, place).await
}

/// What came of a wish to keep a tool.
pub(crate) enum Added {
    /// It is kept.
    Kept(Box<Install>),
    /// It publishes something else than what was seen: this. Nothing is kept.
    Otherwise(Box<Facts>),
}

/// Keeps the tool at `place` as it is now; where `seen` is the hash of what its owner was shown,
/// that alone.
pub(crate) async fn add(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    place: &str,
    seen: Option<&str>,
    wish: Wish,
) -> Result<Added, Error> {
    let warrant = state.allow(caller, WRITE)?;
    if state.read(&warrant).installs().await?.len() >= MOST {
        let what = format!("There are {MOST} tools. Remove one first.");
        return Err(Error::new(Kind::Conflict, what));
    }
    let facts = state.gate.find_tool(&warrant, place).await?;
    if seen.is_some_and(|seen| seen != facts.hash()) {
        return Ok(Added::Otherwise(Box::new(facts)));
    }
    let now = state.gate.clock().now();
    let record = InstallRecord {
        id: InstallId::new(&**state.gate.clock(), &**state.gate.rng()),
        domain: facts.root.host().to_owned(),
        name: facts.manifest.name_for_human.clone(),
        auth: facts.manifest.auth.name().to_owned(),
        facts: String::new(),
        state: InstallState::Fetched(now),
        client_id: None,
        secret_sealed: None,
        secret_version: 0,
        verification_token: None,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let install = changed(state, &warrant, Install::new(record, facts), wish)?;
    let kept = keep(state, &warrant, install, "install.create").await?;
    Ok(Added::Kept(Box::new(kept)))
}

/// Changes what the owner says of a tool. The second part: it served before, and has to be verified
/// anew.
pub(crate) async fn change(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    id: InstallId,
    wish: Wish,
) -> Result<(Install, bool), Error> {
    let warrant = state.allow(caller, WRITE)?;
    let before = find(state, &warrant, id).await?;
    let pinned = before.facts.secret_goes_to();
    let serves = |install: &Install| {
        matches!(install.record.state, InstallState::Active(_) | InstallState::Suspended(..))
    };
    let served = serves(&before);
    let had_secret = before.record.secret_sealed.is_some();
    let new_secret = wish.client_secret.is_some() || wish.service_token.is_some();
    let install = changed(state, &warrant, before, wish)?;
    let is_back = served && !serves(&install);
    if install.facts.secret_goes_to() == pinned {
        return Ok((keep(state, &warrant, install, "install.update").await?, is_back));
    }
    // Else whoever may change an address could have the secret sent to themselves.
    if had_secret && !new_secret {
        let what = "The secret belongs to the address that it was entered for. Send client_secret \
                    too when the token endpoint changes.";
        return Err(Error::invalid(what).with_param("client_secret"));
    }
    Ok((keep_apart(state, &warrant, install, "install.update").await?, is_back))
}

/// Looks at the domain, and goes on from what is found there.
pub(crate) async fn verify(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    id: InstallId,
) -> Result<(Install, Verification), Error> {
    let warrant = state.allow(caller, WRITE)?;
    let mut install = find(state, &warrant, id).await?;
    if let Some(missing) = install.needs().first() {
        let what = format!("The tool is not ready to be verified: {missing} is still missing.");
        return Err(Error::new(Kind::Conflict, what).with_param(*missing));
    }
    let found = state.gate.verify_tool(&warrant, &install).await?;
    let now = state.gate.clock().now();
    let install = match &found {
        Verification::Found(facts) => {
            (install.facts, install.waiting) = ((**facts).clone(), None);
            install.record.state = onward(install.record.state, now, &install)?;
            keep(state, &warrant, install, "install.verify").await?
        }
        // Where calls and secrets go is as it was: they go on, with the words that were approved.
        Verification::TextChanged(facts) => {
            install.waiting = Some((**facts).clone());
            install.record.state = onward(install.record.state, now, &install)?;
            keep(state, &warrant, install, "install.verify").await?
        }
        Verification::Changed(facts) => {
            install.waiting = Some((**facts).clone());
            suspend(state, &warrant, install, now).await?
        }
        // Who took our token out does not stand for the domain any more.
        Verification::OldValueServed | Verification::TokenMissing | Verification::TokenWrong => {
            install.waiting = None;
            suspend(state, &warrant, install, now).await?
        }
    };
    Ok((install, found))
}

/// Takes what was found at the domain and waits, if that is what the owner saw: `hash` is its hash.
/// A conflict where something else waits, or nothing.
pub(crate) async fn accept(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    id: InstallId,
    hash: &str,
) -> Result<Install, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let mut install = find(state, &warrant, id).await?;
    let facts = match install.waiting.take() {
        Some(facts) if facts.hash() == hash => facts,
        Some(facts) => return Err(otherwise(&facts)),
        None => {
            let what = "Nothing that was found waits to be taken. Look at the domain first.";
            return Err(Error::new(Kind::Conflict, what).with_param("hash"));
        }
    };
    altered(state, &warrant, install, facts).await
}

/// What the owner says yes to is not what is there.
pub(crate) fn otherwise(facts: &Facts) -> Error {
    let what = format!(
        "The tool publishes something else than what you saw. Look at it again: what it publishes \
         now has the hash {}.",
        facts.hash()
    );
    Error::new(Kind::Conflict, what).with_param("hash")
}

/// Removes a tool, with all that people connected to it.
pub(crate) async fn remove(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    id: InstallId,
) -> Result<(), Error> {
    let warrant = state.allow(caller, WRITE)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_install(id).await?;
    state.commit(tx, AuditEvent::new("install.delete", format!("install:{id}"))).await
}

/// One install, or 404.
pub(crate) async fn find(
    state: &ConnectionsState,
    warrant: &Warrant,
    id: InstallId,
) -> Result<Install, Error> {
    let record = state.read(warrant).install(id).await?.ok_or_else(Error::not_found)?;
    Install::of(record)
}

/// Where a verified tool goes on to.
fn onward(state: InstallState, now: Timestamp, install: &Install) -> Result<InstallState, Error> {
    let needs_token = install.facts.manifest.auth.is_verified();
    match state {
        InstallState::Active(_) => Ok(state),
        state if needs_token => state.verified(now)?.active(now, true),
        state => state.active(now, false),
    }
}

/// What was found there is not what the owner accepted: an active tool stops.
async fn suspend(
    state: &ConnectionsState,
    warrant: &Warrant,
    mut install: Install,
    now: Timestamp,
) -> Result<Install, Error> {
    let action = match install.record.state {
        InstallState::Active(_) | InstallState::Verified(_) => {
            install.record.state = install.record.state.suspended(now, Suspension::Changed)?;
            "install.suspend"
        }
        _ => "install.look",
    };
    keep(state, warrant, install, action).await
}

/// The owner takes `facts`, at whose domain our token was found. A secret that would go elsewhere
/// is given up.
async fn altered(
    state: &ConnectionsState,
    warrant: &Warrant,
    mut install: Install,
    facts: Facts,
) -> Result<Install, Error> {
    let now = state.gate.clock().now();
    let pinned = install.facts.secret_goes_to();
    let before = std::mem::replace(&mut install.facts, facts);
    // What the owner said since it was found counts.
    (install.facts.said, install.facts.confirmed_hosts) = (before.said, before.confirmed_hosts);
    install.record.name.clone_from(&install.facts.manifest.name_for_human);
    install.facts.manifest.auth.name().clone_into(&mut install.record.auth);
    let is_same = install.facts.secret_goes_to() == pinned;
    // Whether people may use it is another question, which its owner answers by verifying it.
    let is_suspended = install.record.state.suspension() == Some(Suspension::Owner);
    if is_same && install.needs().is_empty() {
        if !is_suspended {
            install.record.state = onward(install.record.state, now, &install)?;
        }
        return keep(state, warrant, install, "install.accept").await;
    }
    if !is_same {
        (install.record.secret_sealed, install.secret_for) = (None, None);
        install.record.verification_token = None;
    }
    if !is_suspended {
        install.record.state = InstallState::Fetched(now);
        settle(state, warrant, &mut install)?;
    }
    keep_apart(state, warrant, install, "install.accept").await
}

/// The install as the owner wishes it.
fn changed(
    state: &ConnectionsState,
    warrant: &Warrant,
    mut install: Install,
    wish: Wish,
) -> Result<Install, Error> {
    let Wish { service_token, client_id, client_secret, suspended, .. } = &wish;
    let (service_token, client_secret) = (service_token.clone(), client_secret.clone());
    let (client_id, suspended) = (client_id.clone(), *suspended);
    let led = leads(&install.facts);
    say(&mut install, wish, state.gate.tools_on_loopback())?;
    let now = state.gate.clock().now();
    // Whoever leads people elsewhere has the tool verified once more, whether they are the owner or
    // have the owner's session. A suspension would keep the proof of before: until then the tool is
    // as closed as by one.
    let is_led_elsewhere =
        leads(&install.facts) != led && install.facts.manifest.auth.is_verified();
    if is_led_elsewhere {
        install.record.state = InstallState::Fetched(now);
        install.waiting = None;
    }
    let is_oauth = matches!(install.facts.manifest.auth, Auth::OAuth(_));
    if let Some(client_id) = client_id {
        if !is_oauth {
            return Err(unfit("client_id"));
        }
        install.record.client_id = Some(checked_id(&client_id)?);
    }
    let is_service = matches!(install.facts.manifest.auth, Auth::ServiceHttp { .. });
    let secret = match (service_token, client_secret) {
        (None, None) => None,
        (Some(token), None) if is_service => Some(install.entered(&token, "service_token")?),
        (None, Some(secret)) if is_oauth => Some(checked_secret(&secret)?),
        (Some(_), _) => return Err(unfit("service_token")),
        (None, Some(_)) => return Err(unfit("client_secret")),
    };
    if let Some(secret) = secret {
        let (id, version) = (install.record.id, install.record.secret_version + 1);
        let sealed = state.gate.seal_install_secret(warrant, id, version, &secret)?;
        install.record.secret_sealed = Some(sealed);
        install.record.secret_version = version;
        install.secret_for = Some(install.facts.secret_goes_to());
        // Before everything is there it is not entered.
        install.record.state = InstallState::Fetched(now);
    }
    let is_suspended = install.record.state.suspension() == Some(Suspension::Owner);
    if suspended == Some(true) && !is_suspended && !is_led_elsewhere {
        install.record.state = install.record.state.suspended(now, Suspension::Owner)?;
    }
    settle(state, warrant, &mut install)?;
    Ok(install)
}

/// Where people and their sign-ins are led, by the manifest or by the owner.
fn leads(facts: &Facts) -> (Option<String>, Option<String>, Vec<String>) {
    let endpoints = facts.endpoints();
    let client_url = endpoints.as_ref().map(|it| it.client_url.to_owned());
    let token = endpoints.map(|it| it.token.to_string());
    (client_url, token, facts.confirmed_hosts.clone())
}

/// As far as a tool comes without anybody looking at its domain.
fn settle(state: &ConnectionsState, warrant: &Warrant, install: &mut Install) -> Result<(), Error> {
    let now = state.gate.clock().now();
    let InstallState::Fetched(_) = install.record.state else { return Ok(()) };
    if !install.needs().is_empty() {
        return Ok(());
    }
    if !install.facts.manifest.auth.is_verified() {
        install.record.state = install.record.state.active(now, false)?;
        return Ok(());
    }
    install.record.state = install.record.state.secret_entered(now).token_issued(now)?;
    install.record.verification_token = Some(state.gate.new_verification_token(warrant));
    // It was found by another token.
    install.waiting = None;
    Ok(())
}

/// What the owner says in place of the manifest.
///
/// `on_loopback`: whether that may be an address of this machine.
fn say(install: &mut Install, wish: Wish, on_loopback: bool) -> Result<(), Error> {
    let Wish { confirmed_hosts, client_url, authorization_url, scope, pkce, .. } = wish;
    if let Some(hosts) = confirmed_hosts {
        let sound = |host: &String| {
            (1..=253).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_graphic())
        };
        if hosts.len() > 16 || !hosts.iter().all(sound) {
            let what = "Hosts are confirmed by their names, as the warnings have them.";
            return Err(Error::invalid(what).with_param("confirmed_hosts"));
        }
        install.facts.confirmed_hosts =
            hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
    }
    let said = &mut install.facts.said;
    let checked = |url: Option<String>, param| {
        url.map(|url| checked_url(&url, param, on_loopback)).transpose()
    };
    if let Some(url) = client_url {
        said.client_url = checked(url, "client_url")?;
    }
    if let Some(url) = authorization_url {
        said.authorization_url = checked(url, "authorization_url")?;
    }
    if let Some(scope) = scope {
        let sound = |scope: &String| scope.len() <= LONGEST && !scope.chars().any(char::is_control);
        if !scope.iter().all(sound) {
            return Err(Error::invalid("A scope is one line of text.").with_param("scope"));
        }
        said.scope = scope;
    }
    said.pkce = pkce.unwrap_or(said.pkce);
    said.stateless = wish.state_optional.unwrap_or(said.stateless);
    Ok(())
}

/// An address that secrets and people may be sent to: https, or http on this machine where tools
/// are developed (`on_loopback`).
fn checked_url(text: &str, param: &'static str, on_loopback: bool) -> Result<String, Error> {
    let odd = || {
        let what = "An address begins with https:// and has neither a user name nor a fragment.";
        Error::invalid(what).with_param(param)
    };
    let text = text.trim();
    let visible = text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
    let url = Url::parse(text).ok().filter(|_| visible).ok_or_else(odd)?;
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let nobody = url.username().is_empty() && url.password().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && here && on_loopback);
    if safe && nobody && url.fragment().is_none() { Ok(text.to_owned()) } else { Err(odd()) }
}

fn checked_id(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let visible = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    if visible && (1..=512).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let what = "A client id has 1 to 512 printable ASCII characters.";
    Err(Error::invalid(what).with_param("client_id"))
}

fn checked_secret(secret: &Secret) -> Result<Secret, Error> {
    let text = secret.expose().trim();
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    if visible && (1..=4_096).contains(&text.len()) {
        return Ok(Secret::new(text.to_owned()));
    }
    let what = "A client secret has 1 to 4096 visible ASCII characters.";
    Err(Error::invalid(what).with_param("client_secret"))
}

fn unfit(param: &'static str) -> Error {
    let what = format!("A tool with this authentication has no {param}.");
    Error::invalid(what).with_param(param)
}

/// Makes an install durable, and gives it as it is then.
async fn keep(
    state: &ConnectionsState,
    warrant: &Warrant,
    install: Install,
    action: &'static str,
) -> Result<Install, Error> {
    let record = install.stored()?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_install(&record).await?;
    state.commit(tx, AuditEvent::new(action, format!("install:{}", record.id))).await?;
    find(state, warrant, record.id).await
}

/// The same, and what people had for it is not used any more: it was for somewhere else.
async fn keep_apart(
    state: &ConnectionsState,
    warrant: &Warrant,
    install: Install,
    action: &'static str,
) -> Result<Install, Error> {
    let record = install.stored()?;
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_install(&record).await?;
    tx.disconnect_all(record.id).await?;
    state.commit(tx, AuditEvent::new(action, format!("install:{}", record.id))).await?;
    find(state, warrant, record.id).await
}
