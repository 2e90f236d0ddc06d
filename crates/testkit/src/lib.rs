//! The whole server in a struct, for tests: on a free port, with a store of its own and a demo
//! model behind it.

mod apart;
mod browser;
mod client;
mod database;
mod facebook;
mod ledger;
mod line;
mod people;
mod plugin;
mod plugin_answers;
mod plugin_host;
mod plugin_seen;
pub mod process;
mod provider;
mod raw;
mod server;

pub use apart::ModelApart;
pub use browser::Browser;
pub use client::{Answer, Client, chat_body};
pub use database::{Database, Engine, Locked};
pub use facebook::FacebookLike;
pub use ledger::count;
pub use line::Line;
pub use people::{KeySpec, PlanSpec};
pub use plugin::{
    HostedPlugin, Once, PLUGIN_CLIENT_ID, PLUGIN_SECRET, PLUGIN_SERVICE_TOKEN, PluginWays,
    TokenFault,
};
pub use plugin_host::{BodyForm, HOST_KEY, Plugin, PluginHost, faults};
pub use plugin_seen::{SeenCall, SeenExchange};
pub use provider::{CLIENT_ID, CLIENT_SECRET, FakeProvider, ProviderFault};
pub use raw::RawCall;
pub use server::{Log, PROVIDER_KEY, Setup, TestServer};
