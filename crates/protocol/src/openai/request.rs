//! A request that calls a model: checked once, kept as the bytes that came.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_kernel::Error;

use super::Route;
use super::closed;
use super::members::{Found, Known};
use super::splice::cuts;
use crate::json_scan::{Member, Value, Visitor, folded, scan_object};

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;

/// The longest name of a model, in characters.
const MAX_MODEL_CHARS: usize = 256;
/// The most answers that one call may ask for.
const MAX_CHOICES: u64 = 128;

/// The body of a request at a route that calls a model.
///
/// It has no `Debug`: bodies hold what people wrote.
pub struct ModelRequest {
    route: Route,
    body: Bytes,
    model: Arc<str>,
    stream: bool,
    usage_asked: bool,
    choices: u64,
    output_ceiling: Option<u64>,
    prompt_cache_key: Option<String>,
    service_tier: Option<String>,
    images: bool,
    images_out: bool,
    audio: bool,
    prediction: bool,
    reasons: bool,
    /// Boxed: a request is moved from step to step.
    pub(super) places: Box<Places>,
}

/// Where things stand in the body.
pub(super) struct Places {
    /// The outermost closing brace.
    pub(super) close: usize,
    /// The values of known members, `null` included.
    pub(super) known: [Option<Span>; Known::COUNT],
    /// The inside of `stream_options`, where it is an object.
    pub(super) options: Option<OptionsPlace>,
    /// The output limits that were given.
    pub(super) limits: [Option<u64>; 3],
    /// Where reasoning is to be asked for that can be sent again.
    pub(super) include: Include,
    /// What is left out of the list in `input`, in order.
    pub(super) cuts: Vec<Span>,
}

/// What becomes of `include` where nothing is stored at the provider.
pub(super) enum Include {
    /// It stays as it is.
    AsIs,
    /// It is set.
    Whole,
    /// A word is added to the list of the caller's.
    Longer { close: usize, is_empty: bool },
}

/// A stretch of the body, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where things stand in `stream_options`.
pub(super) struct OptionsPlace {
    /// Its closing brace.
    pub(super) close: usize,
    /// Whether it has no members.
    pub(super) is_empty: bool,
    /// The value of `include_usage`.
    pub(super) include_usage: Option<Span>,
}

/// What a request asks for whose cost its own text and limits do not bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// Pictures, films or documents among the input.
    pub images: bool,
    /// Pictures among the output, or something else that is neither text nor sound.
    pub images_out: bool,
    /// Sound, in or out.
    pub audio: bool,
    /// A service tier with a price of its own.
    pub service_tier: Option<&'a str>,
    /// A predicted output: what is rejected of it is billed.
    pub prediction: bool,
}

/// The members that limit the output, in the order of [`Places::limits`].
pub(super) const LIMITS: [Known; 3] =
    [Known::MaxTokens, Known::MaxCompletionTokens, Known::MaxOutputTokens];

impl ModelRequest {
    /// Checks `body` as a request at `route`.
    ///
    /// Refuses, as `InvalidRequest` with the member as `param`: what is not one JSON object; a
    /// member that appears twice, or whose name differs from a known one in case alone; known
    /// members of the wrong type or range; members that would change what was authorised; and what
    /// would reach objects that are stored at the provider, since they belong to everybody who
    /// shares its key. Tools that run at the provider are refused as `PriceUnknown`.
    pub fn parse(route: Route, body: Bytes) -> Result<Self, Error> {
        let text = std::str::from_utf8(&body)
            .map_err(|_| Error::invalid("The body is not JSON: it is not UTF-8."))?;
        let mut found = Found::default();
        let close = scan_object(text, &mut found)?;
        refuse_stored_objects(route, &found)?;
        if let Some(member) = found.hosted_tools {
            return Err(closed::hosted_tools().with_param(member));
        }
        let (options, include_usage) = stream_options(&found)?;
        let limits = output_limits(&found)?;
        let stream = stream(route, &found)?;
        let (images_out, audio_out) = modalities(&found);
        let service_tier = text_of(&found, Known::ServiceTier)?
            .filter(|tier| !matches!(tier.as_ref(), "auto" | "default"));
        Ok(Self {
            route,
            model: model(&found)?,
            stream,
            usage_asked: include_usage && stream && route == Route::ChatCompletions,
            choices: whole_number(&found, Known::N, MAX_CHOICES)?.unwrap_or(1),
            output_ceiling: ceiling(route, limits),
            prompt_cache_key: text_of(&found, Known::PromptCacheKey)?.map(Cow::into_owned),
            service_tier: service_tier.map(Cow::into_owned),
            images: found.content.media,
            images_out,
            audio: found.content.audio || audio_out,
            prediction: found.value(Known::Prediction).is_some(),
            reasons: reasons(&found),
            places: Box::new(Places {
                close,
                known: spans(&found),
                options,
                limits,
                include: include(route, &found)?,
                cuts: match route {
                    Route::Responses => cuts(text, &found.unsaid),
                    Route::ChatCompletions | Route::Embeddings => Vec::new(),
                },
            }),
            body,
        })
    }

    /// The route.
    pub fn route(&self) -> Route {
        self.route
    }

    /// The model that was asked for, by whatever name the caller knows it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The same, shared.
    pub fn shared_model(&self) -> Arc<str> {
        self.model.clone()
    }

    /// Whether the answer is to be a stream.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller asked for the chunk with the usage of a chat stream.
    pub fn usage_asked(&self) -> bool {
        self.usage_asked
    }

    /// How many answers are asked for; the output limit counts for each.
    pub fn choices(&self) -> u64 {
        self.choices
    }

    /// The most output tokens of each answer, as far as the caller said; the smallest of several.
    pub fn output_ceiling(&self) -> Option<u64> {
        self.output_ceiling
    }

    /// An upper bound of the input tokens of text: the length of the body. A token stands for at
    /// least one byte of UTF-8, escapes only make text longer, and what a provider adds to mark
    /// roles is less than the JSON that says them. (A tokenizer that
    /// rewrites its input first may exceed it for a few rare characters; such a call ends up
    /// flagged as excess.) Content that is not text is in [`Self::extras`].
    pub fn input_bytes(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX)
    }

    /// The cache bucket that the caller chose.
    pub fn prompt_cache_key(&self) -> Option<&str> {
        self.prompt_cache_key.as_deref()
    }

    /// Whether the request speaks of reasoning, so that output may be used and not shown. An effort
    /// of `none` says that there is to be none.
    pub fn reasons(&self) -> bool {
        self.reasons
    }

    /// What the request alone does not bound.
    pub fn extras(&self) -> Extras<'_> {
        Extras {
            images: self.images,
            images_out: self.images_out,
            audio: self.audio,
            service_tier: self.service_tier.as_deref(),
            prediction: self.prediction,
        }
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Refuses what reaches objects at the provider: they have no owners here yet.
fn refuse_stored_objects(route: Route, found: &Found<'_>) -> Result<(), Error> {
    let refuse = |param: &str, what| Err(Error::invalid(what).with_param(param));
    if let Some(member) = found.content.stored_object() {
        return refuse(
            member,
            "Files and other objects that are stored at the provider cannot be used here. Send \
             the content itself.",
        );
    }
    if let Some(member) = found.stored_for_tools {
        return refuse(
            member,
            "Tools cannot use objects that are stored at the provider here: files, vector stores, \
             containers, skills. Leave this member out.",
        );
    }
    if route != Route::Responses {
        return Ok(());
    }
    for known in [Known::PreviousResponseId, Known::Conversation, Known::Prompt] {
        if found.value(known).is_some() {
            return refuse(
                known.name(),
                "Objects that are stored at the provider cannot be used here yet. Leave this \
                 member out and send the whole input.",
            );
        }
    }
    if found.content.stored_item {
        return refuse(
            "input",
            "Items that are stored at the provider cannot be used here yet. Send the items \
             themselves, with their content, instead of references.",
        );
    }
    if flag(found, Known::Background)? {
        return refuse(
            Known::Background.name(),
            "Background responses are stored at the provider and cannot be used here yet. Leave \
             this member out.",
        );
    }
    Ok(())
}

fn model(found: &Found<'_>) -> Result<Arc<str>, Error> {
    let at_fault = |what| Error::invalid(what).with_param(Known::Model.name());
    let model = text_of(found, Known::Model)?
        .filter(|model| !model.is_empty())
        .ok_or_else(|| at_fault("Name the model to call."))?;
    if model.len() > MAX_MODEL_CHARS && model.chars().count() > MAX_MODEL_CHARS {
        return Err(at_fault("The name of a model has at most 256 characters."));
    }
    if model.chars().any(char::is_control) {
        return Err(at_fault("The name of a model has no control characters."));
    }
    Ok(model.into())
}

fn stream(route: Route, found: &Found<'_>) -> Result<bool, Error> {
    let stream = flag(found, Known::Stream)?;
    if stream && !route.streams() {
        return Err(Error::invalid("This route does not stream. Leave `stream` out.")
            .with_param(Known::Stream.name()));
    }
    Ok(stream)
}

fn output_limits(found: &Found<'_>) -> Result<[Option<u64>; 3], Error> {
    let [a, b, c] = LIMITS.map(|known| whole_number(found, known, u64::MAX));
    Ok([a?, b?, c?])
}

fn ceiling(route: Route, limits: [Option<u64>; 3]) -> Option<u64> {
    let [max_tokens, max_completion_tokens, max_output_tokens] = limits;
    match route {
        Route::ChatCompletions => [max_tokens, max_completion_tokens].into_iter().flatten().min(),
        Route::Responses => max_output_tokens,
        Route::Embeddings => None,
    }
}

/// Whether pictures and whether sound may come back. What is not a list of known words counts as
/// both: it is for the upstream to refuse it, and for us not to believe that it is cheap.
fn modalities(found: &Found<'_>) -> (bool, bool) {
    let Some(value) = found.value(Known::Modalities) else { return (false, false) };
    let Ok(words) = serde_json::from_str::<Vec<Cow<'_, str>>>(value.text) else {
        return (true, true);
    };
    let audio = words.iter().any(|word| word == "audio");
    let other = words.iter().any(|word| word != "audio" && word != "text");
    (other, audio)
}

/// Whether the request speaks of reasoning, other than to say that there is to be none.
fn reasons(found: &Found<'_>) -> bool {
    /// A `reasoning` that says how much and nothing else that might mean some.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reasoning<'a> {
        #[serde(borrow)]
        effort: Cow<'a, str>,
    }
    let of_chat = found.value(Known::ReasoningEffort);
    let of_responses = found.value(Known::Reasoning);
    of_chat.is_some_and(|value| value.as_text().as_deref() != Some(NO_EFFORT))
        || of_responses.is_some_and(|value| {
            let read = serde_json::from_str::<Reasoning<'_>>(value.text);
            read.map_or(true, |reasoning| reasoning.effort != NO_EFFORT)
        })
}

/// The effort of a model that does not reason.
const NO_EFFORT: &str = "none";

/// The word in `include` that has reasoning come with the answer, sealed, to be sent again: the one
/// way to go on with it where nothing is stored.
pub(super) const SEALED_REASONING: &str = "reasoning.encrypted_content";

/// Reads `include`. Reasoning is asked for where the request speaks of it: a model that does not
/// reason refuses the word.
fn include(route: Route, found: &Found<'_>) -> Result<Include, Error> {
    if route != Route::Responses || found.value(Known::Reasoning).is_none() {
        return Ok(Include::AsIs);
    }
    let Some(value) = found.value(Known::Include) else { return Ok(Include::Whole) };
    let words = serde_json::from_str::<Vec<Cow<'_, str>>>(value.text)
        .map_err(|_| wrong_type(Known::Include, "a list of strings"))?;
    if words.iter().any(|word| word == SEALED_REASONING) {
        return Ok(Include::AsIs);
    }
    Ok(Include::Longer { close: value.at + value.text.len() - 1, is_empty: words.is_empty() })
}

/// Reads `stream_options`: its places, and whether usage was asked for.
fn stream_options(found: &Found<'_>) -> Result<(Option<OptionsPlace>, bool), Error> {
    let Some(value) = found.value(Known::StreamOptions) else { return Ok((None, false)) };
    if !value.text.starts_with('{') {
        return Err(wrong_type(Known::StreamOptions, "an object"));
    }
    let mut options = Options::default();
    let close = scan_object(value.text, &mut options)?;
    let asked = match options.include_usage.map(|value| value.text) {
        None | Some("null" | "false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Error::invalid("include_usage is true or false.")
                .with_param(Options::INCLUDE_USAGE_PARAM));
        }
    };
    let place = OptionsPlace {
        close: value.at + close,
        is_empty: options.is_empty(),
        include_usage: options.include_usage.map(|inner| span(value.at + inner.at, inner.text)),
    };
    Ok((Some(place), asked))
}

/// The members of `stream_options`.
#[derive(Default)]
struct Options<'a> {
    has_members: bool,
    include_usage: Option<Value<'a>>,
}

impl Options<'_> {
    const INCLUDE_USAGE_PARAM: &'static str = "stream_options.include_usage";

    fn is_empty(&self) -> bool {
        !self.has_members
    }
}

impl<'a> Visitor<'a> for Options<'a> {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        self.has_members = true;
        let Some(name) = member.name().filter(|_| member.depth == 1) else { return Ok(()) };
        let is_exact = name == "include_usage";
        if !is_exact && folded(&name) != "include_usage" {
            return Ok(());
        }
        if !is_exact || self.include_usage.is_some() {
            return Err(Error::invalid("Send include_usage once, in lower case.")
                .with_param(Self::INCLUDE_USAGE_PARAM));
        }
        self.include_usage = Some(member.value);
        Ok(())
    }
}

fn spans(found: &Found<'_>) -> [Option<Span>; Known::COUNT] {
    found.places().map(|place| place.map(|value| span(value.at, value.text)))
}

fn span(start: usize, text: &str) -> Span {
    Span { start, end: start + text.len() }
}

/// A member that is true, false, `null` or left out.
fn flag(found: &Found<'_>, known: Known) -> Result<bool, Error> {
    match found.value(known).map(|value| value.text) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong_type(known, "true or false")),
    }
}

/// A member that is a string, `null` or left out.
fn text_of<'a>(found: &Found<'a>, known: Known) -> Result<Option<Cow<'a, str>>, Error> {
    let Some(value) = found.value(known) else { return Ok(None) };
    value.as_text().map(Some).ok_or_else(|| wrong_type(known, "a string"))
}

/// A member that is a whole number from 1 to `max`, `null` or left out.
fn whole_number(found: &Found<'_>, known: Known, max: u64) -> Result<Option<u64>, Error> {
    let Some(value) = found.value(known) else { return Ok(None) };
    let number = value.text.parse::<u64>().ok().filter(|n| (1..=max).contains(n));
    let what =
        if max == u64::MAX { "a whole number from 1" } else { "a whole number from 1 to 128" };
    number.map(Some).ok_or_else(|| wrong_type(known, what))
}

pub(super) fn wrong_type(known: Known, what: &str) -> Error {
    Error::invalid(format!("{} must be {what}.", known.name())).with_param(known.name())
}
