//! `tollgate serve`: the real thing.

use std::io::Write;

use tokio::sync::watch;
use tollgate_edge::Phase;
use tollgate_identity::{new_setup_link, setup_path};
use tollgate_kernel::Job;
use tracing::{info, warn};
use url::Url;

use crate::cli::args::{Global, ServeArgs};
use crate::config::{Config, Override, Sources};
use crate::exit::Exit;
use crate::start::{Started, request_log, start, tracing};
use crate::wire::Installation;

/// Serves until the process is asked to stop; a second time means now.
pub async fn run(global: &Global, args: &ServeArgs) -> Result<(), Exit> {
    let config = Config::load(&Sources::of_process(global.config.as_deref(), flags(args))?)?;
    tracing(&config.log);
    let log = request_log(&config.log)?;
    let Started { installation, listener, certificates, public_url, new_master_key } =
        start(&config, log.clone()).await?;
    if new_master_key {
        let file = config.server.data_dir.join("master.key");
        warn!(file = %file.display(), "a master key was made: keep a copy of it in a safe place");
    }
    offer_setup(&installation, &public_url).await?;
    let stop = stop_on_signals()?;
    // The one line on stdout: scripts wait for it.
    println!("ready {}", public_url.as_str().trim_end_matches('/'));
    drop(std::io::stdout().flush());
    let watching = certificates.map(|files| tokio::spawn(files.watch()));
    installation.serve(listener, stop, config.server.shutdown).await?;
    if let Some(watching) = watching {
        watching.abort();
    }
    info!("stopped");
    log.close();
    Ok(())
}

/// While nobody owns the installation: a one-time link with which the first owner comes in.
async fn offer_setup(installation: &Installation, public_url: &Url) -> Result<(), Exit> {
    let caller = installation.gate.system(&installation.jobs.token(Job::Setup));
    if let Some(link) = new_setup_link(&installation.gate, &caller).await? {
        let origin = public_url.as_str().trim_end_matches('/');
        eprintln!("Nobody owns this installation yet. Set it up, within an hour, at:");
        eprintln!("  {origin}{}", setup_path(&link.token));
    }
    Ok(())
}

/// The settings that flags say.
pub fn flags(args: &ServeArgs) -> Vec<Override> {
    let ServeArgs { listen, public_url, data_dir, prices, set } = args;
    let named = [
        ("server.listen", "--listen", listen),
        ("server.public_url", "--public-url", public_url),
        ("server.data_dir", "--data-dir", data_dir),
        ("prices.file", "--prices", prices),
    ];
    let named = named.into_iter().filter_map(|(path, flag, value)| {
        let value = value.clone()?;
        Some(Override { path: path.to_owned(), value, flag: flag.to_owned() })
    });
    let set = set.iter().map(|(path, value)| Override {
        path: path.clone(),
        value: value.clone(),
        flag: "--set".to_owned(),
    });
    named.chain(set).collect()
}

/// The first SIGTERM or Ctrl-C lets running answers finish, the second cuts them.
pub fn stop_on_signals() -> Result<watch::Receiver<Phase>, Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Exit::io("signals cannot be heard", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (send, stop) = watch::channel(Phase::Running);
    tokio::spawn(async move {
        for phase in [Phase::Draining, Phase::Now] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            info!(?phase, "asked to stop");
            send.send_replace(phase);
        }
        // The sender lives as long as the receivers: its end would count as a stop.
        send.closed().await;
    });
    Ok(stop)
}
