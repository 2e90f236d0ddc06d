//! The command line.

mod amount_args;
pub mod args;
mod client_args;
mod figure_args;
mod healthcheck;
mod install_args;
mod key_args;
mod local;
mod manage;
mod manage_args;
mod profile_args;
mod provider_args;
mod reference;
mod tool_args;

use clap::CommandFactory;
use serde_json::json;
use tokio::runtime::Builder;

use crate::config::Config;
use crate::config::Sources;
use crate::exit::Exit;
use args::{Cli, ConfigVerb, Global, Verb};
pub use reference::reference;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<(), Exit> {
    let Cli { global, verb } = cli;
    match verb {
        Verb::Serve(args) => block_on(crate::serve::run(&global, &args)),
        Verb::Demo(args) => block_on(crate::demo::run(&global, &args)),
        Verb::Init(args) => block_on(crate::init::run(&global, &args)),
        Verb::DemoModel(args) => on(&mut Builder::new_multi_thread(), async {
            crate::demo_model::run(&args).await.map_err(|error| Exit::run_time(error.to_string()))
        }),
        Verb::DemoTodo(args) => block_on(async {
            crate::demo_todo::run(&args).await.map_err(|error| Exit::run_time(error.to_string()))
        }),
        Verb::Config(verb) => config(&global, &verb),
        Verb::Migrate => block_on(local::migrate(&global)),
        Verb::Completions(args) => {
            let mut command = Cli::command();
            let mut out = std::io::stdout();
            clap_complete::generate(args.shell, &mut command, "tollgate", &mut out);
            Ok(())
        }
        Verb::Man => clap_mangen::Man::new(Cli::command())
            .render(&mut std::io::stdout())
            .map_err(|error| Exit::io("the page cannot be written", &error)),
        Verb::Version => {
            version(global.json);
            Ok(())
        }
        Verb::Doctor => block_on(crate::doctor::run(&global)),
        Verb::Manage(verb) => block_on(manage::run(&global, &verb)),
        Verb::Healthcheck(args) => block_on(healthcheck::run(&global, &args)),
    }
}

/// Each verb in a box: the stack would have room for all of them side by side. On this thread
/// alone: what needs more has threads of its own, as a server's workers are.
#[inline(never)]
fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    on(&mut Builder::new_current_thread(), work)
}

fn on<T>(runtime: &mut Builder, work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = runtime.enable_all().build();
    runtime.map_err(|error| Exit::io("the runtime cannot start", &error))?.block_on(Box::pin(work))
}

fn version(as_json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if as_json {
        println!("{}", json!({ "version": version }));
    } else {
        println!("tollgate {version}");
    }
}

fn config(global: &Global, verb: &ConfigVerb) -> Result<(), Exit> {
    if let ConfigVerb::Schema = verb {
        println!("{:#}", Config::schema());
        return Ok(());
    }
    let config = Config::load(&Sources::of_process(global.config.as_deref(), Vec::new())?)?;
    match verb {
        ConfigVerb::Show { origin } => show(&config, *origin, global.json),
        ConfigVerb::Check | ConfigVerb::Schema if global.json => {
            println!("{}", json!({"ok": true}))
        }
        ConfigVerb::Check | ConfigVerb::Schema => println!("The configuration is good."),
    }
    Ok(())
}

fn show(config: &Config, origin: bool, as_json: bool) {
    if as_json {
        println!("{:#}", json!(config.shown()));
        return;
    }
    for setting in config.shown() {
        if origin {
            println!("{} = {}  # {}", setting.path, setting.value, setting.origin);
        } else {
            println!("{} = {}", setting.path, setting.value);
        }
    }
}
