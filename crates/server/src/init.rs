//! `tollgate init`: the first owner, without a page.

use serde_json::json;
use tollgate_edge::{RequestLog, Style};
use tollgate_identity::{NewOwner, Owner, link_path, setup_owner};
use tollgate_kernel::Job;

use crate::cli::args::{Global, InitArgs};
use crate::config::{Config, Sources};
use crate::exit::Exit;
use crate::start::open_quietly;
use crate::wire::Installation;

/// Makes the first owner in the store that the configuration names, under its lock.
pub async fn run(global: &Global, args: &InitArgs) -> Result<(), Exit> {
    let config = Config::load(&Sources::of_process(global.config.as_deref(), Vec::new())?)?;
    let log = RequestLog::start(std::io::sink(), Style::Json)?;
    let (installation, public_url) = open_quietly(&config, log).await?;
    let made = first_owner(&installation, &args.owner).await;
    installation.close().await?;
    let made = made?;
    let path = link_path(&made.link);
    // Port 0: the system gives the port, when the server starts.
    let origin = public_url.as_str().trim_end_matches('/');
    let link = (public_url.port() != Some(0)).then(|| format!("{origin}{path}"));
    if global.json {
        let owner = json!({ "id": made.user.id, "email": made.user.email });
        let admin_key = made.admin_key.expose();
        let all = json!({ "owner": owner, "admin_key": admin_key, "setup_link": link,
            "setup_path": path });
        println!("{all}");
        return Ok(());
    }
    println!("Owner      {}", made.user.email);
    println!("Admin key  {}", made.admin_key.expose());
    println!("Sign in    {}", link.as_deref().unwrap_or(&path));
    if link.is_none() {
        eprintln!("The port is not fixed: put the address in front that `tollgate serve` tells.");
    }
    eprintln!("The key and the link are shown this once. The link lasts an hour.");
    eprintln!("Next: tollgate serve");
    Ok(())
}

/// The use case of `/setup`, for somebody who is on this machine.
pub async fn first_owner(installation: &Installation, email: &str) -> Result<Owner, Exit> {
    let caller = installation.gate.system(&installation.jobs.token(Job::Setup));
    let owner = NewOwner {
        email: email.to_owned(),
        name: String::new(),
        locale: None,
        password: None,
        setup_token: None,
    };
    Ok(setup_owner(&installation.gate, &caller, owner).await?)
}
