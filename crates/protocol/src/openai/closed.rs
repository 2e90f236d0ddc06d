//! Members that are refused whatever they hold: they would change what was authorised, or what a
//! call may cost, behind our back. Other members that are unknown here pass as they came.

use tollgate_kernel::{Error, Kind};

/// Why a member may not be sent whose name, folded, is this; `None` where it may.
pub(super) fn refusal(folded: &str) -> Option<Error> {
    let words = match folded {
        // Providers that route take other models from here than the one in `model`.
        "models" | "fallbacks" | "route" | "preset" => {
            "A call is authorised for one model, the one in `model`. Other models cannot be named \
             beside it. Leave this member out."
        }
        "data_sources" | "datasources" => {
            "Data sources are opened with this server's own identity at the provider, so they \
             cannot be used here. Leave this member out and send the content itself."
        }
        "access_programs" => {
            "Access programs are granted to this server's account at the provider, not to its \
             callers, so they cannot be used here. Leave this member out."
        }
        "context_management" => {
            "Context that the provider manages cannot be used here yet. Leave this member out and \
             send the whole input."
        }
        "plugins" | "search_parameters" | "web_search_options" => return Some(hosted_tools()),
        _ => return None,
    };
    Some(Error::invalid(words))
}

/// A provider runs its tools in a loop of its own and counts the input of every turn, so that
/// neither the request nor the context window bounds what they cost.
pub(super) fn hosted_tools() -> Error {
    Error::new(
        Kind::PriceUnknown,
        "Tools that run at the provider (web search, file search, code interpreter, image \
         generation, computer use, MCP and others) have no price here yet, so they cannot be used. \
         Leave them out of this member; functions, custom tools, `local_shell` and \
         `apply_patch` can be used.",
    )
}
