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
        _ => return siblings(folded),
    };
    Some(Error::invalid(words))
}

/// How servers that speak this wire call the longest answer, beside the names that are read here:
/// some read these first.
const LENGTHS: [&str; 17] = [
    "maxtokens",
    "maxcompletiontokens",
    "maxoutputtokens",
    "maxnewtokens",
    "maxgentokens",
    "maxgentoks",
    "maxgenlen",
    "maxcompletionlen",
    "maxcompletionlength",
    "maxoutputlen",
    "maxoutputlength",
    "maxnewlength",
    "maxlength",
    "maxlen",
    "maxtokenstosample",
    "npredict",
    "numpredict",
];

/// How they call the number of answers.
const COUNTS: [&str; 6] =
    ["ncmpl", "bestof", "numreturnsequences", "candidatecount", "numcompletions", "numgenerations"];

/// What they unpack beside the members that were checked.
const PARCELS: [&str; 7] = [
    "extrabody",
    "options",
    "parameters",
    "samplingparams",
    "generationconfig",
    "generationkwargs",
    "modelkwargs",
];

/// What says where else a call goes, or as whom.
const WAYS: [&str; 13] = [
    "apibase",
    "apikey",
    "baseurl",
    "bootstraphost",
    "bootstrapport",
    "bootstraproom",
    "customllmprovider",
    "extraheaders",
    "extraquery",
    "kvtransferparams",
    "modellist",
    "sessionparams",
    "userconfig",
];

/// What puts another model on top of the one that was authorised.
const ADAPTERS: [&str; 5] = ["lora", "lorapath", "lorarequest", "adapterid", "adaptersource"];

/// The same for names that other servers of this wire read, however they are written: in the way of
/// snakes, of camels, with dashes. What stays below a ceiling may be sent: `min_tokens`,
/// `ignore_eos`.
fn siblings(folded: &str) -> Option<Error> {
    let is_in = |names: &[&str]| {
        let bare = || folded.bytes().filter(u8::is_ascii_alphanumeric);
        names.iter().any(|name| name.bytes().eq(bare()))
    };
    let words = if is_in(&LENGTHS) {
        "How long an answer may be is said in `max_completion_tokens` or `max_tokens` of chats and \
         in `max_output_tokens` of responses, so that it can be counted before the call. Leave \
         this member out."
    } else if is_in(&COUNTS) {
        "How many answers a call asks for is said in `n`, so that they can be counted before the \
         call. Leave this member out."
    } else if is_in(&PARCELS) {
        "What is in this member would go past the checks of this server. Write what you need of it \
         beside `model`, and leave this member out."
    } else if is_in(&WAYS) {
        "Where a call goes, and with whose key, is for the owner of this server to say. Leave this \
         member out."
    } else if is_in(&ADAPTERS) {
        "A call is authorised for one model, the one in `model`. An adapter cannot be named beside \
         it. Leave this member out."
    } else {
        return None;
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
