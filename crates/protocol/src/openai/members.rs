//! Which members of a request body are known here, and where they stand in it.

use std::borrow::Cow;

use tollgate_kernel::Error;

use crate::json_scan::{Member, Value, Visitor, folded};

/// The most members that a body may have. The provider's longest has some forty; without a cap,
/// looking for duplicates could be made dear.
pub(super) const MAX_MEMBERS: usize = 256;

/// The outermost members that are read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Model,
    Messages,
    Input,
    Stream,
    StreamOptions,
    N,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    SafetyIdentifier,
    User,
    PromptCacheKey,
    Store,
    PreviousResponseId,
    Conversation,
    Prompt,
    Background,
    ServiceTier,
    Modalities,
    Audio,
    Tools,
    WebSearchOptions,
    Prediction,
    Reasoning,
    ReasoningEffort,
}

impl Known {
    /// How many there are.
    pub(super) const COUNT: usize = Self::ReasoningEffort as usize + 1;

    /// The name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Messages => "messages",
            Self::Input => "input",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::N => "n",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::SafetyIdentifier => "safety_identifier",
            Self::User => "user",
            Self::PromptCacheKey => "prompt_cache_key",
            Self::Store => "store",
            Self::PreviousResponseId => "previous_response_id",
            Self::Conversation => "conversation",
            Self::Prompt => "prompt",
            Self::Background => "background",
            Self::ServiceTier => "service_tier",
            Self::Modalities => "modalities",
            Self::Audio => "audio",
            Self::Tools => "tools",
            Self::WebSearchOptions => "web_search_options",
            Self::Prediction => "prediction",
            Self::Reasoning => "reasoning",
            Self::ReasoningEffort => "reasoning_effort",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "model" => Self::Model,
            "messages" => Self::Messages,
            "input" => Self::Input,
            "stream" => Self::Stream,
            "stream_options" => Self::StreamOptions,
            "n" => Self::N,
            "max_tokens" => Self::MaxTokens,
            "max_completion_tokens" => Self::MaxCompletionTokens,
            "max_output_tokens" => Self::MaxOutputTokens,
            "safety_identifier" => Self::SafetyIdentifier,
            "user" => Self::User,
            "prompt_cache_key" => Self::PromptCacheKey,
            "store" => Self::Store,
            "previous_response_id" => Self::PreviousResponseId,
            "conversation" => Self::Conversation,
            "prompt" => Self::Prompt,
            "background" => Self::Background,
            "service_tier" => Self::ServiceTier,
            "modalities" => Self::Modalities,
            "audio" => Self::Audio,
            "tools" => Self::Tools,
            "web_search_options" => Self::WebSearchOptions,
            "prediction" => Self::Prediction,
            "reasoning" => Self::Reasoning,
            "reasoning_effort" => Self::ReasoningEffort,
            _ => return None,
        })
    }
}

/// What one scan of a body finds.
#[derive(Default)]
pub(super) struct Found<'a> {
    names: Vec<Cow<'a, str>>,
    known: [Option<Value<'a>>; Known::COUNT],
    /// What stands inside the outermost member that is being scanned.
    inside: Inside,
    /// What stood inside `messages` or `input`; of `audio`, which voice it names.
    pub(super) content: Inside,
    /// Whether a tool runs at the provider.
    pub(super) hosted_tools: bool,
    /// The member of a tool that names an object kept at the provider.
    pub(super) stored_for_tools: Option<&'static str>,
}

impl<'a> Found<'a> {
    /// The value of a member that is there and not `null`.
    pub(super) fn value(&self, known: Known) -> Option<Value<'a>> {
        self.known.get(known as usize).copied().flatten().filter(|value| !value.is_null())
    }

    /// The values of all known members that are there, `null` included.
    pub(super) fn places(&self) -> [Option<Value<'a>>; Known::COUNT] {
        self.known
    }

    /// Keeps an outermost member: no name twice, and none that another parser might take for one
    /// that we know.
    fn keep(&mut self, member: &Member<'a>) -> Result<(), Error> {
        let at_fault = |what: &'static str| Error::invalid(what).with_param(member.short_name());
        let Some(name) = member.name() else {
            return Err(at_fault("The name of this member is not Unicode text."));
        };
        if self.names.contains(&name) {
            return Err(at_fault("This member appears twice. Send it once."));
        }
        if self.names.len() == MAX_MEMBERS {
            return Err(Error::invalid("The body has more than 256 members."));
        }
        let inside = std::mem::take(&mut self.inside);
        match Known::named(&name) {
            Some(known) => self.keep_known(known, member.value, inside),
            None if Known::named(&folded(&name)).is_some() => {
                return Err(at_fault("This member's name must be in lower case."));
            }
            None => {}
        }
        self.names.push(name);
        Ok(())
    }

    fn keep_known(&mut self, known: Known, value: Value<'a>, inside: Inside) {
        if let Some(place) = self.known.get_mut(known as usize) {
            *place = Some(value);
        }
        match known {
            Known::Messages | Known::Input => self.content.add(inside),
            Known::Audio => self.content.stored.extend(inside.stored),
            Known::Tools => {
                self.hosted_tools = inside.foreign_type;
                self.stored_for_tools = inside.stored_object();
            }
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Found<'a> {
    fn member(&mut self, member: &Member<'a>) -> Result<(), Error> {
        if member.depth == 1 {
            return self.keep(member);
        }
        self.inside.note(member);
        Ok(())
    }

    fn object_end(&mut self, depth: usize) {
        if depth == ITEM_DEPTH {
            self.inside.item_ends();
        }
    }
}

/// The depth of an object in a list that an outermost member holds: a message, an item, a tool.
const ITEM_DEPTH: usize = 3;

/// What stands inside an outermost member, as far as it matters. Names are compared without regard
/// to case and any occurrence counts, so that what is hidden from one parser by a duplicate or a
/// spelling, and found by another, is found here too.
#[derive(Default)]
pub(super) struct Inside {
    /// Pictures, films, documents: content whose tokens its bytes do not bound.
    pub(super) media: bool,
    /// Sound.
    pub(super) audio: bool,
    /// What names objects that are kept at the provider: where each member's value starts, and the
    /// member's name. In the order in which the members end.
    stored: Vec<(usize, &'static str)>,
    /// An item that is kept at the provider.
    pub(super) stored_item: bool,
    /// An item whose type is neither `function` nor `custom`.
    foreign_type: bool,
    /// Where the value of the last `id` starts that stands in an item's member.
    id_at: Option<usize>,
    item: Item,
}

/// What is known of the item that is being scanned.
#[derive(Default)]
struct Item {
    has_id: bool,
    is_reference: bool,
    is_reasoning: bool,
    is_picture: bool,
    /// It has a member besides its id, its type and its status.
    says_something: bool,
    thought: Substance,
    picture: Substance,
}

/// Whether what an item would be looked up for is in the item itself.
#[derive(Default)]
struct Substance {
    is_there: bool,
    /// The members that were seen, a bit each.
    seen: u8,
    /// A member stands there twice: who reads the empty one looks the item up.
    is_doubtful: bool,
}

impl Substance {
    fn note(&mut self, bit: u8, value: Value<'_>) {
        self.is_doubtful |= self.seen & bit != 0;
        self.seen |= bit;
        let is_empty = value.text.bytes().all(|byte| b"[]{}\" \t\r\n".contains(&byte));
        self.is_there |= !is_empty && !value.is_null();
    }

    fn is_missing(&self) -> bool {
        !self.is_there || self.is_doubtful
    }
}

impl Inside {
    /// The member that names an object kept at the provider.
    pub(super) fn stored_object(&self) -> Option<&'static str> {
        self.stored.first().map(|(_, name)| *name)
    }

    fn add(&mut self, other: Self) {
        self.media |= other.media;
        self.audio |= other.audio;
        self.stored.extend(other.stored);
        self.stored_item |= other.stored_item;
    }

    fn note(&mut self, member: &Member<'_>) {
        let Some(name) = member.name() else { return };
        if member.depth == ITEM_DEPTH {
            self.item.note(&name, member.value);
        }
        if member.value.is_null() {
            return;
        }
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        match name.len() {
            2 if is("id") && member.depth == ITEM_DEPTH + 1 => self.id_at = Some(member.value.at),
            4 if is("type") => self.note_type(member),
            4 if is("file") => self.media = true,
            5 if is("audio") => self.note_audio(member),
            5 if is("voice") && member.depth == 2 && member.value.text.starts_with(['{', '[']) => {
                self.refers(member, "audio.voice.id");
            }
            7 if is("file_id") => self.refers(member, "file_id"),
            8 if is("file_ids") => self.refers(member, "file_ids"),
            8 if is("skill_id") => self.refers(member, "skill_id"),
            9 if is("container") && member.value.text.starts_with('"') => {
                self.refers(member, "container");
            }
            9 if is("image_url") || is("video_url") => self.media = true,
            9 if is("audio_url") => self.audio = true,
            10 if is("input_file") => self.media = true,
            10 if name == "parameters" => self.forget(member),
            11 if is("input_image") => self.media = true,
            11 if is("input_audio") => self.audio = true,
            12 if is("container_id") => self.refers(member, "container_id"),
            12 if name == "input_schema" => self.forget(member),
            15 if is("vector_store_id") => self.refers(member, "vector_store_id"),
            16 if is("vector_store_ids") => self.refers(member, "vector_store_ids"),
            _ => {}
        }
    }

    fn refers(&mut self, member: &Member<'_>, name: &'static str) {
        self.stored.push((member.value.at, name));
    }

    /// The names in a schema are those of a function's arguments and refer to nothing. Members end
    /// inside out, so that what stands in this one was noted last.
    fn forget(&mut self, schema: &Member<'_>) {
        while self.stored.pop_if(|(at, _)| *at > schema.value.at).is_some() {}
    }

    /// A message of the assistant's may say what it said by the id of its sound.
    fn note_audio(&mut self, member: &Member<'_>) {
        self.audio = true;
        if member.depth == ITEM_DEPTH && self.id_at.is_some_and(|at| at > member.value.at) {
            self.refers(member, "audio.id");
        }
    }

    fn note_type(&mut self, member: &Member<'_>) {
        let Some(word) = member.value.as_text() else { return };
        let word = word.to_ascii_lowercase();
        if member.depth <= ITEM_DEPTH {
            self.foreign_type |= !matches!(word.as_str(), "function" | "custom");
            self.item.is_reference |= word == "item_reference";
            self.item.is_reasoning |= word == "reasoning";
            self.item.is_picture |= word == "image_generation_call";
        }
        if matches!(word.as_str(), "container_reference" | "skill_reference") {
            self.refers(member, "type");
        }
        self.audio |= word.contains("audio");
        self.media |= ["image", "video", "file", "document", "screenshot"]
            .iter()
            .any(|medium| word.contains(medium));
    }

    fn item_ends(&mut self) {
        let item = std::mem::take(&mut self.item);
        self.stored_item |= item.is_stored();
    }
}

impl Item {
    /// Substance counts under its exact name alone: a provider that does not know the name looks
    /// the item up.
    fn note(&mut self, name: &str, value: Value<'_>) {
        match name {
            "encrypted_content" => self.thought.note(1, value),
            "summary" => self.thought.note(2, value),
            "content" => self.thought.note(4, value),
            "result" => self.picture.note(1, value),
            _ => {}
        }
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        if is("id") {
            self.has_id |= !value.is_null();
        } else if !is("type") && !is("status") {
            self.says_something |= !value.is_null();
        }
    }

    /// An item that says nothing but its id is a reference too: its type may be left out.
    fn is_stored(&self) -> bool {
        let is_bare = !self.says_something
            || (self.is_reasoning && self.thought.is_missing())
            || (self.is_picture && self.picture.is_missing());
        self.is_reference || (self.has_id && is_bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_members() {
        for known in [Known::Model, Known::N, Known::MaxOutputTokens, Known::ReasoningEffort] {
            assert_eq!(Known::named(known.name()), Some(known));
        }
        assert_eq!(Known::named("Model"), None);
    }
}
