//! Signing in against a provider of a few lines, over http on loopback, with tokens that another
//! library signs.

mod house;
mod id_tokens;
mod providers;
mod trust;

use self::house::{CLIENT, House, Idp, answer, json, redirect_uri};
use super::*;
