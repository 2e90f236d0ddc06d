//! Connecting a person's account at a tool, and ending that.

use std::sync::Arc;

use tollgate_gate::{Install, Principal, Reach, Warrant};
use tollgate_kernel::{
    ConnectionId, ConnectionState, Error, InstallId, InstallState, Kind, Manage, Method, Noun,
    Secret, UserId,
};
use tollgate_protocol::plugin_host::Auth;
use tollgate_store::{AuditEvent, ConnectionRecord, Owner};

use crate::state::ConnectionsState;

/// Looking at connections.
pub(crate) const READ: Manage = Manage::read(Noun::Connections);
/// Making, mending and ending connections.
pub(crate) const WRITE: Manage = Manage::write(Noun::Connections);

/// A connection with its tool.
pub(crate) struct Pair {
    pub(crate) connection: ConnectionRecord,
    pub(crate) install: Install,
}

/// Whose connections the caller may know of. Even those who manage the installation do not use
/// somebody else's; they may see and end them.
pub(crate) fn owner(warrant: &Warrant) -> Result<Owner, Error> {
    match (warrant.reach(), warrant.principal().user()) {
        (Reach::All, _) => Ok(Owner::All),
        (Reach::Own, Some(user)) => Ok(Owner::User(user)),
        (Reach::Own, None) => Err(Error::not_found()),
    }
}

/// The person who asks.
fn person(caller: &Principal) -> Result<UserId, Error> {
    caller.user().ok_or_else(|| {
        let what = "A connection belongs to a person. Ask with a session or a token of theirs.";
        Error::new(Kind::Forbidden, what)
    })
}

/// The tools that people may connect, and the caller's own connections.
pub(crate) async fn gallery(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
) -> Result<Vec<(Install, Option<ConnectionRecord>)>, Error> {
    let warrant = state.allow(caller, READ)?;
    let user = person(caller)?;
    let reader = state.read(&warrant);
    let mine = reader.connections(Owner::User(user), None).await?;
    let mut all = Vec::new();
    for record in reader.installs().await? {
        let own = mine.iter().find(|connection| connection.install == record.id).cloned();
        if own.is_some() || matches!(record.state, InstallState::Active(_)) {
            all.push((Install::of(record)?, own));
        }
    }
    Ok(all)
}

/// One connection with its tool, or 404.
pub(crate) async fn find(
    state: &ConnectionsState,
    warrant: &Warrant,
    owner: Owner,
    id: ConnectionId,
) -> Result<Pair, Error> {
    let found = state.read(warrant).connected(owner, id).await?;
    let (connection, install) = found.ok_or_else(Error::not_found)?;
    Ok(Pair { connection, install: Install::of(install)? })
}

/// Connects the caller to a tool, or mends what is there: at once where nothing has to be entered,
/// with `token` where each person has one, else it waits for the person to sign in there.
pub(crate) async fn connect(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    install: InstallId,
    token: Option<Secret>,
) -> Result<Pair, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let user = person(caller)?;
    let record = state.read(&warrant).install(install).await?;
    // A tool that is not offered yet is not there.
    let offered = record.filter(|record| matches!(record.state, InstallState::Active(_)));
    let install = Install::of(offered.ok_or_else(|| Error::not_found().with_param("install"))?)?;
    let owner = Owner::User(user);
    let known = state.read(&warrant).connections(owner, Some(install.record.id)).await?;
    let mut connection = match known.into_iter().next() {
        Some(known) => known,
        None => fresh(state, install.record.id, user),
    };
    match (&install.facts.manifest.auth, token) {
        (Auth::UserHttp { .. }, Some(token)) => {
            let token = install.entered(&token, "token")?;
            connection.secret_version += 1;
            let sealed = state.gate.seal_connection_token(&warrant, &connection, &token)?;
            connection.access_sealed = Some(sealed);
            connection.issuer = Some(install.facts.secret_goes_to());
            connection.state = ConnectionState::Active;
        }
        (Auth::UserHttp { .. }, None) => {
            let what = "This tool asks for a token of yours. Make one there and send it.";
            return Err(Error::invalid(what).with_param("token"));
        }
        (_, Some(_)) => {
            let what = "This tool takes no token of yours.";
            return Err(Error::invalid(what).with_param("token"));
        }
        (Auth::OAuth(_), None) => {
            if connection.version != 0 {
                return Ok(Pair { connection, install });
            }
        }
        (Auth::None | Auth::ServiceHttp { .. }, None) => connection.state = ConnectionState::Active,
    }
    let id = connection.id;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.put_connection(&connection).await?;
    let action = if connection.state == ConnectionState::Active {
        "connection.connect"
    } else {
        "connection.create"
    };
    state.commit(tx, AuditEvent::new(action, format!("connection:{id}"))).await?;
    find(state, &warrant, owner, id).await
}

fn fresh(state: &ConnectionsState, install: InstallId, user: UserId) -> ConnectionRecord {
    let now = state.gate.clock().now();
    ConnectionRecord {
        id: ConnectionId::new(&**state.gate.clock(), &**state.gate.rng()),
        install,
        user,
        state: ConnectionState::Pending,
        access_sealed: None,
        refresh_sealed: None,
        secret_version: 0,
        expires_at: None,
        issuer: None,
        created_at: now,
        updated_at: now,
        version: 0,
    }
}

/// Ends a connection: the credential is gone.
pub(crate) async fn disconnect(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    id: ConnectionId,
) -> Result<(), Error> {
    let warrant = state.allow(caller, WRITE)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_connection(owner(&warrant)?, id).await?;
    state.commit(tx, AuditEvent::new("connection.delete", format!("connection:{id}"))).await
}

/// What ties a sign-in at a tool to the browser that began it: the session of the person. What was
/// made from a session, such as a token, is not it.
pub(crate) fn browser(caller: &Principal) -> Option<String> {
    if caller.method() != Method::Session {
        return None;
    }
    let session = caller.credential().session()?;
    Some(format!("session:{session}"))
}

/// Where a tool sends browsers back to.
pub(crate) fn redirect_uri(origin: &str, install: &Install) -> String {
    format!("{origin}/aip/{}/oauth/callback", install.plugin_id())
}

/// Where the caller's browser is sent to sign in at the tool of their own connection `id`.
pub(crate) async fn leave(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    origin: &str,
    id: ConnectionId,
) -> Result<String, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let browser = browser(caller).ok_or_else(|| {
        let what = "People sign in at a tool from a signed-in browser.";
        Error::new(Kind::Forbidden, what)
    })?;
    let owner = Owner::User(person(caller)?);
    let Pair { connection, install } = find(state, &warrant, owner, id).await?;
    let uri = redirect_uri(origin, &install);
    if !matches!(install.record.state, InstallState::Active(_)) {
        let what = "This tool is not active. Its owner here has to finish or verify it.";
        return Err(Error::new(Kind::Conflict, what));
    }
    if !matches!(install.facts.manifest.auth, Auth::OAuth(_)) {
        return Err(Error::not_found());
    }
    state.gate.leave_for(&warrant, &install, &connection, &browser, &uri).await
}
