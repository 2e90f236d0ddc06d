//! Where secrets of tools and their people are sealed, and how they are entered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName};
use tollgate_kernel::{Error, InstallId, Secret};
use tollgate_protocol::plugin_host::{Auth, Scheme};
use tollgate_store::{ConnectionRecord, InstallRecord};
use tollgate_vault::{ConnectionSecret, InstallSecret, Place, Sealed};

use super::{Connected, Install, needs_reauth};
use crate::target::{Injected, Target};
use crate::{Gate, Warrant};

/// The longest secret that is entered, in bytes.
const LONGEST: usize = 4_096;

impl Gate {
    /// Seals the service token or the client secret of an install; `version` is the one that it
    /// will have.
    pub fn seal_install_secret(
        &self,
        _: &Warrant,
        install: InstallId,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let place = of_install(install, version);
        Ok(self.vault.seal::<InstallSecret>(&place, secret, &*self.rng)?.into_bytes())
    }

    /// Seals a person's own token for the version that `connection` says.
    pub fn seal_connection_token(
        &self,
        _: &Warrant,
        connection: &ConnectionRecord,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        self.seal_of(connection, ACCESS, secret)
    }

    pub(super) fn seal_of(
        &self,
        connection: &ConnectionRecord,
        column: &'static str,
        secret: &Secret,
    ) -> Result<Vec<u8>, Error> {
        let place = of_connection(connection, column);
        Ok(self.vault.seal::<ConnectionSecret>(&place, secret, &*self.rng)?.into_bytes())
    }

    pub(super) fn open_of(
        &self,
        connection: &ConnectionRecord,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Secret, Error> {
        let sealed = Sealed::<ConnectionSecret>::from_bytes(sealed.to_vec());
        self.opener.open(&of_connection(connection, column), &sealed)
    }

    pub(super) fn open_install(&self, install: &InstallRecord) -> Result<Option<Secret>, Error> {
        let Some(bytes) = &install.secret_sealed else { return Ok(None) };
        let sealed = Sealed::<InstallSecret>::from_bytes(bytes.clone());
        self.opener.open(&of_install(install.id, install.secret_version), &sealed).map(Some)
    }

    /// Where a call goes, with the credential that goes with it. Whoever calls this has made the
    /// call's record durable.
    pub(crate) fn target(&self, connected: &Connected) -> Result<Target, Error> {
        let Connected { record, install, .. } = connected;
        let secret = match &install.facts.manifest.auth {
            Auth::None => None,
            Auth::ServiceHttp { .. } => self.open_install(&install.record)?,
            Auth::UserHttp { .. } | Auth::OAuth(_) => {
                let sealed = record.access_sealed.as_deref();
                sealed.map(|sealed| self.open_of(record, ACCESS, sealed)).transpose()?
            }
        };
        let injected = match (install.facts.scheme(), secret) {
            (None, _) => None,
            (Some(scheme), Some(secret)) => Some(injected(scheme, &secret)?),
            (Some(_), None) => return Err(needs_reauth(&install.record.name)),
        };
        connected.target_with(injected.as_ref(), self.connect.patience.answer)
    }
}

fn injected(scheme: &Scheme, secret: &Secret) -> Result<Injected, Error> {
    let with = |kind: &str| Secret::new(format!("{kind} {}", secret.expose()));
    Ok(match scheme {
        Scheme::Bearer => Injected::Header(AUTHORIZATION, with("Bearer")),
        Scheme::Basic => match pair_of(secret) {
            Some(pair) => Injected::Basic(pair),
            None => Injected::Header(AUTHORIZATION, with("Basic")),
        },
        Scheme::Header(name) => {
            let name = HeaderName::try_from(name.as_str()).map_err(Error::internal)?;
            Injected::Header(name, secret.clone())
        }
    })
}

/// Name and password, where `secret` is these in the form in which they are sent (RFC 7617): then
/// the password alone is looked for in answers too.
fn pair_of(secret: &Secret) -> Option<Secret> {
    let pair = String::from_utf8(STANDARD.decode(secret.expose()).ok()?).ok()?;
    // The engine takes canonical text alone, so that what is sent is what was entered.
    pair.contains(':').then(|| Secret::new(pair))
}

/// The column of a person's token.
pub(super) const ACCESS: &str = "access_sealed";

/// The column of what new tokens are had for.
pub(super) const REFRESH: &str = "refresh_sealed";

fn of_install(install: InstallId, version: i64) -> Place {
    Place {
        table: "installs",
        column: "secret_sealed",
        row: install.to_string(),
        owner: "installation".to_owned(),
        version,
    }
}

fn of_connection(connection: &ConnectionRecord, column: &'static str) -> Place {
    Place {
        table: "connections",
        column,
        row: connection.id.to_string(),
        owner: connection.user.to_string(),
        version: connection.secret_version,
    }
}

impl Install {
    /// A token as it is sent, of what somebody typed: for HTTP Basic `user:pass` and ready-made
    /// base64 are both taken. `param` is the member that it came in.
    pub fn entered(&self, typed: &Secret, param: &'static str) -> Result<Secret, Error> {
        let text = typed.expose().trim();
        let visible = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !(1..=LONGEST).contains(&text.len()) || !visible {
            let what = "A token has 1 to 4096 printable ASCII characters.";
            return Err(Error::invalid(what).with_param(param));
        }
        let basic = self.facts.scheme() == Some(&Scheme::Basic);
        if basic && text.contains(':') {
            return Ok(Secret::new(STANDARD.encode(text)));
        }
        if text.contains(' ') && !matches!(self.facts.scheme(), Some(Scheme::Header(_))) {
            let what = "A token holds no space. Enter the token alone, without Bearer or Basic.";
            return Err(Error::invalid(what).with_param(param));
        }
        Ok(Secret::new(text.to_owned()))
    }

    /// What header a call has, for people: the token is left out.
    pub fn header_shown(&self) -> Option<String> {
        Some(match self.facts.scheme()? {
            Scheme::Bearer => "Authorization: Bearer …".to_owned(),
            Scheme::Basic => "Authorization: Basic …".to_owned(),
            Scheme::Header(name) => format!("{name}: …"),
        })
    }
}
