//! Which members of a request body are known here, and where they stand in it.

use std::borrow::Cow;

use tollgate_kernel::Error;

use super::closed;
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
    Include,
    Prediction,
    Reasoning,
    ReasoningEffort,
    Instructions,
    Temperature,
    TopP,
}

impl Known {
    /// How many there are.
    pub(super) const COUNT: usize = Self::TopP as usize + 1;

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
            Self::Include => "include",
            Self::Prediction => "prediction",
            Self::Reasoning => "reasoning",
            Self::ReasoningEffort => "reasoning_effort",
            Self::Instructions => "instructions",
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
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
            "include" => Self::Include,
            "prediction" => Self::Prediction,
            "reasoning" => Self::Reasoning,
            "reasoning_effort" => Self::ReasoningEffort,
            "instructions" => Self::Instructions,
            "temperature" => Self::Temperature,
            "top_p" => Self::TopP,
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
    inside: Inside<'a>,
    /// What stood inside `messages` or `input`; of `audio`, which voice it names.
    pub(super) content: Inside<'a>,
    /// Reasoning that the provider kept and that is not in the items themselves: it is not sent.
    pub(super) unsaid: Vec<Value<'a>>,
    /// The member that asks for tools that run at the provider.
    pub(super) hosted_tools: Option<&'static str>,
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
            None => {
                let folded = folded(&name);
                if Known::named(&folded).is_some() {
                    return Err(at_fault("This member's name must be in lower case."));
                }
                if let Some(error) = closed::refusal(&folded).filter(|_| !member.value.is_null()) {
                    return Err(error.with_param(member.short_name()));
                }
            }
        }
        self.names.push(name);
        Ok(())
    }

    fn keep_known(&mut self, known: Known, value: Value<'a>, mut inside: Inside<'a>) {
        if let Some(place) = self.known.get_mut(known as usize) {
            *place = Some(value);
        }
        match known {
            Known::Messages | Known::Input => {
                if inside.hosted_tools {
                    self.hosted_tools = Some(known.name());
                }
                if known == Known::Input && value.text.starts_with('[') {
                    self.unsaid = std::mem::take(&mut inside.unsaid);
                }
                self.content.add(inside);
            }
            Known::Audio => self.content.stored.extend(inside.stored),
            Known::Tools => {
                if inside.foreign_type {
                    self.hosted_tools = Some(known.name());
                }
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

    fn object_end(&mut self, depth: usize, object: Value<'a>) {
        if depth == ITEM_DEPTH {
            self.inside.item_ends(object);
        }
    }
}

/// The depth of an object in a list that an outermost member holds: a message, an item, a tool.
pub(super) const ITEM_DEPTH: usize = 3;

/// The depth of the members of an object in a list that an item holds: a tool that an item brings.
const INNER_DEPTH: usize = ITEM_DEPTH + 2;

/// What stands inside an outermost member, as far as it matters. Names are compared without regard
/// to case and any occurrence counts, so that what is hidden from one parser by a duplicate or a
/// spelling, and found by another, is found here too.
#[derive(Default)]
pub(super) struct Inside<'a> {
    /// Pictures, films, documents: content whose tokens its bytes do not bound.
    pub(super) media: bool,
    /// Sound.
    pub(super) audio: bool,
    /// What names objects that are kept at the provider: where each member's value starts, and the
    /// member's name. In the order in which the members end.
    stored: Vec<(usize, &'static str)>,
    /// An item that is kept at the provider.
    pub(super) stored_item: bool,
    /// Items of reasoning without the reasoning.
    unsaid: Vec<Value<'a>>,
    /// An item that is neither a function nor a custom tool.
    foreign_type: bool,
    /// An item brings a tool that is neither.
    hosted_tools: bool,
    /// Where the last type starts that is neither, of what stands in a list in an item.
    foreign_at: Option<usize>,
    /// Where the value of the last `id` starts that stands in an item's member.
    id_at: Option<usize>,
    item: Item,
}

/// What is known of the item that is being scanned.
#[derive(Default)]
struct Item {
    has_id: bool,
    /// How often it says its type.
    types: u8,
    /// It says its type as a provider reads it: reasoning.
    says_reasoning: bool,
    has_function: bool,
    is_reference: bool,
    is_reasoning: bool,
    is_picture: bool,
    /// It has a member besides its id, its type and its status.
    says_something: bool,
    thought: Substance,
    picture: Substance,
}

/// What becomes of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    /// It says nothing and what it refers to was not kept: it is left out.
    LeftOut,
    /// It is at the provider.
    Stored,
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

impl<'a> Inside<'a> {
    /// The member that names an object kept at the provider.
    pub(super) fn stored_object(&self) -> Option<&'static str> {
        self.stored.first().map(|(_, name)| *name)
    }

    fn add(&mut self, other: Self) {
        self.media |= other.media;
        self.audio |= other.audio;
        self.stored.extend(other.stored);
        self.stored_item |= other.stored_item || !other.unsaid.is_empty();
    }

    fn note(&mut self, member: &Member<'_>) {
        let Some(name) = member.name() else { return };
        let folded = folded(&name);
        if member.depth == ITEM_DEPTH {
            self.item.note(&name, &folded, member.value);
        }
        if member.value.is_null() {
            return;
        }
        match folded.as_ref() {
            "id" if member.depth == ITEM_DEPTH + 1 => self.id_at = Some(member.value.at),
            "type" => self.note_type(member),
            "file" | "image_url" | "video_url" | "input_file" | "input_image" => self.media = true,
            "audio" => self.note_audio(member),
            "audio_url" | "input_audio" => self.audio = true,
            "tools" if member.depth == ITEM_DEPTH => {
                self.hosted_tools |= self.foreign_at.is_some_and(|at| at > member.value.at);
            }
            "voice" if member.depth == 2 && member.value.text.starts_with(['{', '[']) => {
                self.refers(member, "audio.voice.id");
            }
            "file_id" => self.refers(member, "file_id"),
            "file_ids" => self.refers(member, "file_ids"),
            "skill_id" => self.refers(member, "skill_id"),
            "container" if member.value.text.starts_with('"') => self.refers(member, "container"),
            "container_id" => self.refers(member, "container_id"),
            "vector_store_id" => self.refers(member, "vector_store_id"),
            "vector_store_ids" => self.refers(member, "vector_store_ids"),
            "parameters" | "input_schema" if folded == name => self.forget(member),
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
        let text = member.value.as_text();
        // What is not text is no type that we know.
        let word = folded(text.as_deref().unwrap_or_default());
        // Tools that the caller runs cost what their text costs.
        const OURS: [&str; 4] = ["function", "custom", "local_shell", "apply_patch"];
        let is_foreign = !OURS.contains(&word.as_ref());
        if member.depth <= ITEM_DEPTH {
            self.foreign_type |= is_foreign;
            self.item.is_reference |= word == "item_reference";
            self.item.is_reasoning |= word == "reasoning";
            self.item.is_picture |= word == "image_generation_call";
        }
        if member.depth == INNER_DEPTH && is_foreign {
            self.foreign_at = Some(member.value.at);
        }
        if matches!(word.as_ref(), "container_reference" | "skill_reference") {
            self.refers(member, "type");
        }
        self.audio |= word.contains("audio");
        self.media |= ["image", "video", "file", "document", "screenshot"]
            .iter()
            .any(|medium| word.contains(medium));
    }

    fn item_ends(&mut self, object: Value<'a>) {
        let item = std::mem::take(&mut self.item);
        self.foreign_type |= item.types == 0 && !item.has_function;
        match item.fate() {
            Fate::Sent => {}
            Fate::LeftOut => self.unsaid.push(object),
            Fate::Stored => self.stored_item = true,
        }
    }
}

impl Item {
    /// Substance counts under its exact name alone: a provider that does not know the name looks
    /// the item up.
    fn note(&mut self, name: &str, folded: &str, value: Value<'_>) {
        match name {
            "encrypted_content" => self.thought.note(1, value),
            "content" => self.thought.note(2, value),
            "result" => self.picture.note(1, value),
            _ => {}
        }
        match folded {
            "id" => self.has_id |= !value.is_null(),
            "type" => {
                self.types = self.types.saturating_add(1);
                self.says_reasoning |= name == "type" && value.text == r#""reasoning""#;
            }
            "status" => {}
            _ => {
                self.has_function |= folded == "function";
                self.says_something |= !value.is_null();
            }
        }
    }

    /// An item that says nothing but its id is a reference: its type may be left out. Reasoning
    /// without its substance is what every answer of a reasoning model holds, so it is not refused
    /// where nobody could read it as something else.
    fn fate(&self) -> Fate {
        let lacks_thought = self.is_reasoning && self.thought.is_missing();
        let is_plain = self.says_reasoning && self.types == 1 && !self.thought.is_doubtful;
        let lacks_picture = self.is_picture && self.picture.is_missing();
        let is_bare = !self.says_something || lacks_thought || lacks_picture;
        if self.is_reference {
            Fate::Stored
        } else if lacks_thought && is_plain {
            Fate::LeftOut
        } else if self.has_id && is_bare {
            Fate::Stored
        } else {
            Fate::Sent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_members() {
        for known in [Known::Model, Known::N, Known::MaxOutputTokens, Known::TopP] {
            assert_eq!(Known::named(known.name()), Some(known));
        }
        assert_eq!(Known::named("Model"), None);
    }
}
