//! Verbs of management: thin calls of the management API, over the socket of the running server.

mod api;
mod audit;
mod body;
mod client;
mod entry;
mod figures;
mod group;
mod import;
mod install;
mod key;
mod limits;
mod model;
mod noun;
mod plan;
mod profile;
mod provider;
mod rotate;
mod screen;
mod secret;
mod session;
mod settings;
mod tool;
mod upstream;
mod usage;
mod user;

#[cfg(test)]
mod recorder;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;

use crate::cli::args::{Global, ManageVerb};
use crate::config::{Config, Sources};
use crate::exit::Exit;
use crate::wire::socket_path;

pub(super) use api::loopback;

use api::Manager;
use screen::Screen;

/// Does what `verb` says. The data folder of the configuration tells which server is asked.
pub(super) async fn run(global: &Global, verb: &ManageVerb) -> Result<(), Exit> {
    // Not the rest: whoever asks a server need not have what the server needs.
    let sources = Sources::of_process(global.config.as_deref(), Vec::new())?;
    let server = Config::load_server(&sources)?;
    let mut manager = Manager {
        socket: socket_path(&server.data_dir),
        listen: server.listen,
        screen: Screen::of_process(global),
    };
    act(&mut manager, verb).await
}

async fn act(manager: &mut Manager, verb: &ManageVerb) -> Result<(), Exit> {
    match verb {
        ManageVerb::User(verb) => user::run(manager, verb).await,
        ManageVerb::Group(verb) => group::run(manager, verb).await,
        ManageVerb::Plan(verb) => plan::run(manager, verb).await,
        ManageVerb::Key(verb) => key::run(manager, verb).await,
        ManageVerb::Client(verb) => client::run(manager, verb).await,
        ManageVerb::Upstream(verb) => upstream::run(manager, verb).await,
        ManageVerb::Provider(verb) => provider::run(manager, verb).await,
        ManageVerb::Tool(verb) => tool::run(manager, verb).await,
        ManageVerb::Install(verb) => install::run(manager, verb).await,
        ManageVerb::Connection(verb) => install::connections(manager, verb).await,
        ManageVerb::Model(verb) => model::run(manager, verb).await,
        ManageVerb::Rotate(verb) => rotate::run(manager, verb).await,
        ManageVerb::Session(verb) => session::run(manager, verb).await,
        ManageVerb::Settings(verb) => settings::run(manager, verb).await,
        ManageVerb::Entry(verb) => entry::run(manager, verb).await,
        ManageVerb::Audit(args) => audit::run(manager, args).await,
        ManageVerb::Usage(args) => usage::run(manager, args).await,
        ManageVerb::Limits(args) => limits::run(manager, args).await,
    }
}
