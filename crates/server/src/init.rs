//! `tollgate init`: the first owner, without a page.

use serde_json::json;
use tollgate_edge::{RequestLog, Style};
use tollgate_identity::{NewOwner, Owner, link_path, setup_owner};
use tollgate_kernel::Job;

use crate::cli::args::{Global, InitArgs};
use crate::config::{Config, Sources};
use crate::exit::Exit;
use crate::start::{Started, start};
use crate::wire::Installation;

/// Makes the first owner in the store that the configuration names, under its lock.
pub async fn run(global: &Global, args: &InitArgs) -> Result<(), Exit> {
    let config = Config::load(&Sources::of_process(global.config.as_deref(), Vec::new())?)?;
    let log = RequestLog::start(std::io::sink(), Style::Json)?;
    let Started { installation, public_url, .. } = start(&config, log).await?;
    let origin = public_url.as_str().trim_end_matches('/').to_owned();
    let made = first_owner(&installation, &args.owner).await;
    installation.close().await?;
    let made = made?;
    let setup_link = format!("{origin}{}", link_path(&made.link));
    if global.json {
        let owner = json!({ "id": made.user.id, "email": made.user.email });
        let admin_key = made.admin_key.expose();
        let all = json!({ "owner": owner, "admin_key": admin_key, "setup_link": setup_link });
        println!("{all}");
        return Ok(());
    }
    println!("Owner      {}", made.user.email);
    println!("Admin key  {}", made.admin_key.expose());
    println!("Sign in    {setup_link}");
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
