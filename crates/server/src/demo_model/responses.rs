//! `POST /v1/responses`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Asked, Content, Tool};
use super::control::{Control, End};
use super::script::Chunk;
use super::service::{Failure, Reply, Request};
use super::text::tokens;

/// The members that the demo model reads.
#[derive(Deserialize)]
struct Responses {
    model: String,
    input: Input,
    instructions: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    max_output_tokens: Option<u64>,
    #[serde(default)]
    tools: Vec<Offered>,
    tool_choice: Option<Value>,
    reasoning: Option<Value>,
    #[serde(default)]
    include: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    encrypted_content: Option<String>,
    role: Option<String>,
    #[serde(default)]
    content: Content,
    /// What a function answered.
    #[serde(default)]
    output: Content,
}

#[derive(Deserialize)]
struct Offered {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    #[serde(default)]
    parameters: Value,
}

/// Answers a Responses request.
pub(super) fn answer(request: &Request, control: &Control) -> Result<Reply, Failure> {
    let asked: Responses = request.parse()?;
    refuse_what_was_not_kept(&asked)?;
    let answer = Answer::to(
        Asked {
            prompt_tokens: prompt_tokens(&asked),
            body_bytes: request.body.len() as u64,
            ceiling: asked.max_output_tokens,
            answers: 1,
            tool: tool(&asked),
            key: request.key.clone(),
        },
        control,
    );
    let (count, counts) = (answer.count, answer.counts);
    let told = counts.told(control.usage);
    let writer = Writer {
        id: request.id.clone(),
        model: asked.model,
        created: request.created,
        usage: told.map_or(Value::Null, |counts| counts.response()),
        reports: told.is_some(),
        end: match control.end {
            End::Whole if answer.cut => End::Incomplete,
            end => end,
        },
        max_output_tokens: asked.max_output_tokens,
        reasons: asked.reasoning.is_some(),
        seals: asked.include.iter().flatten().any(|word| word == "reasoning.encrypted_content"),
        answer,
    };
    if asked.stream == Some(true) {
        return Ok(Reply::stream(writer.stream(), count, counts.input));
    }
    let body = writer.response(true).to_string();
    let chunk = Chunk::content(body, counts.output).reporting(writer.reports);
    Ok(Reply::json(chunk, counts.input))
}

/// Nothing is kept here, so reasoning that is sent back has to be in the item itself.
fn refuse_what_was_not_kept(asked: &Responses) -> Result<(), Failure> {
    let Input::Items(items) = &asked.input else { return Ok(()) };
    let is_lost = |item: &&Item| {
        item.kind.as_deref() == Some("reasoning")
            && item.encrypted_content.as_deref().is_none_or(str::is_empty)
    };
    let Some(lost) = items.iter().find(is_lost) else { return Ok(()) };
    let id = lost.id.as_deref().unwrap_or_default();
    let words = format!("Item with id '{id}' not found. Items are not kept here.");
    Err(Failure::invalid(words, Some("input")))
}

fn prompt_tokens(asked: &Responses) -> u64 {
    let input = match &asked.input {
        Input::Text(text) => tokens(text),
        Input::Items(items) => {
            items.iter().map(|item| item.content.tokens() + item.output.tokens()).sum()
        }
    };
    input + asked.instructions.as_deref().map_or(0, tokens)
}

fn tool(asked: &Responses) -> Option<Tool> {
    let weather = match &asked.input {
        Input::Text(text) => text.to_lowercase().contains("weather"),
        Input::Items(items) => items.last().is_some_and(|item| {
            item.role.as_deref() == Some("user") && item.content.speaks_of_weather()
        }),
    };
    let refused = asked.tool_choice.as_ref().is_some_and(|choice| choice == "none");
    if !weather || refused {
        return None;
    }
    let offered = asked.tools.iter().find(|tool| tool.kind == "function")?;
    Some(Tool::call(offered.name.as_deref()?, &offered.parameters))
}

struct Writer {
    id: String,
    model: String,
    created: i64,
    usage: Value,
    reports: bool,
    end: End,
    max_output_tokens: Option<u64>,
    /// Whether reasoning comes first.
    reasons: bool,
    /// Whether the caller gets it in a form that can be sent back.
    seals: bool,
    answer: Answer,
}

impl Writer {
    /// The response object, before or after its output.
    fn response(&self, done: bool) -> Value {
        let status = match self.end {
            _ if !done => "in_progress",
            End::Whole => "completed",
            End::Incomplete => "incomplete",
            End::Failed => "failed",
        };
        let incomplete = json!({"reason": "max_output_tokens"});
        let error = json!({"code": "server_error",
            "message": "The demo model failed, as it was asked to."});
        let only = |when, value| if done && self.end == when { value } else { Value::Null };
        let reasoning = Some(self.reasoning()).filter(|_| self.reasons);
        let output =
            if done { reasoning.into_iter().chain([self.item(true)]).collect() } else { vec![] };
        json!({
            "id": self.id, "object": "response", "created_at": self.created, "status": status,
            "background": false, "error": only(End::Failed, error),
            "incomplete_details": only(End::Incomplete, incomplete),
            "instructions": null, "max_output_tokens": self.max_output_tokens, "metadata": {},
            "model": self.model, "output": output, "parallel_tool_calls": true,
            "previous_response_id": null, "reasoning": {"effort": null, "summary": null},
            "service_tier": "default", "store": false, "temperature": 1.0,
            "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
            "top_p": 1.0, "truncation": "disabled", "user": null,
            "usage": if done { self.usage.clone() } else { Value::Null },
        })
    }

    /// The item of reasoning, as OpenAI's is where no summary is asked for.
    fn reasoning(&self) -> Value {
        let id = format!("rs_{}", self.id.trim_start_matches("resp-"));
        let mut item = json!({"id": id, "type": "reasoning", "summary": []});
        if let (true, Some(members)) = (self.seals, item.as_object_mut()) {
            members.insert("encrypted_content".to_owned(), "c2VhbGVk".into());
        }
        item
    }

    /// The place of the item that answers.
    fn index(&self) -> u64 {
        u64::from(self.reasons)
    }

    /// The item that answers, before or after its content.
    fn item(&self, done: bool) -> Value {
        let status = if !done {
            "in_progress"
        } else if self.end == End::Whole {
            "completed"
        } else {
            "incomplete"
        };
        match &self.answer.tool {
            None => json!({"id": self.item_id(), "type": "message", "role": "assistant",
                "status": status, "content": if done { vec![self.part(true)] } else { vec![] }}),
            Some(tool) => json!({"id": self.item_id(), "type": "function_call", "status": status,
                "call_id": format!("call_{}", self.id.trim_start_matches("resp-")),
                "name": tool.name, "arguments": if done { self.text() } else { String::new() }}),
        }
    }

    fn part(&self, done: bool) -> Value {
        let text = if done { self.text() } else { String::new() };
        json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    }

    fn text(&self) -> String {
        self.answer.words.text(self.answer.count)
    }

    fn item_id(&self) -> String {
        format!("item_{}", self.id.trim_start_matches("resp-"))
    }

    /// All events, made one after the other as they are asked for.
    fn stream(self) -> impl Iterator<Item = Chunk> + Send + use<> {
        let parts = if self.answer.tool.is_some() { 3 } else { 4 };
        let (heads, tails) = (parts + 2 * self.index(), parts);
        let count = self.answer.count;
        (0..heads + count + tails).map(move |number| {
            if number < heads {
                let tokens = if number == 0 { self.answer.counts.reasoning } else { 0 };
                return Chunk { tokens, ..event(number, self.head(number)) };
            }
            match number - heads {
                at if at < count => {
                    Chunk { tokens: 1, content: true, ..event(number, self.delta(at)) }
                }
                at => {
                    // The tail of a function call has no content part.
                    let at = at - count;
                    let step = if parts == 3 && at > 0 { at + 1 } else { at };
                    event(number, self.tail(step)).reporting(self.reports && step == 3)
                }
            }
        })
    }

    fn head(&self, at: u64) -> Value {
        match at {
            0 => json!({"type": "response.created", "response": self.response(false)}),
            1 => json!({"type": "response.in_progress", "response": self.response(false)}),
            2 if self.reasons => json!({"type": "response.output_item.added",
                "output_index": 0, "item": self.reasoning()}),
            3 if self.reasons => json!({"type": "response.output_item.done",
                "output_index": 0, "item": self.reasoning()}),
            _ if at == 2 + 2 * self.index() => json!({"type": "response.output_item.added",
                "output_index": self.index(), "item": self.item(false)}),
            _ => json!({"type": "response.content_part.added", "item_id": self.item_id(),
                "output_index": self.index(), "content_index": 0, "part": self.part(false)}),
        }
    }

    fn delta(&self, at: u64) -> Value {
        let (id, piece) = (self.item_id(), self.answer.words.piece(at));
        match self.answer.tool {
            None => json!({"type": "response.output_text.delta", "item_id": id,
                "output_index": self.index(), "content_index": 0, "delta": piece, "logprobs": []}),
            Some(_) => json!({"type": "response.function_call_arguments.delta", "item_id": id,
                "output_index": self.index(), "delta": piece}),
        }
    }

    fn tail(&self, step: u64) -> Value {
        let (id, index) = (self.item_id(), self.index());
        match (step, &self.answer.tool) {
            (0, None) => json!({"type": "response.output_text.done", "item_id": id,
                "output_index": index, "content_index": 0, "text": self.text(),
                "logprobs": []}),
            (0, Some(tool)) => json!({"type": "response.function_call_arguments.done",
                "item_id": id, "output_index": index, "name": tool.name,
                "arguments": self.text()}),
            (1, _) => json!({"type": "response.content_part.done", "item_id": id,
                "output_index": index, "content_index": 0, "part": self.part(true)}),
            (2, _) => json!({"type": "response.output_item.done", "output_index": index,
                "item": self.item(true)}),
            _ => {
                let name = match self.end {
                    End::Whole => "response.completed",
                    End::Incomplete => "response.incomplete",
                    End::Failed => "response.failed",
                };
                json!({"type": name, "response": self.response(true)})
            }
        }
    }
}

fn event(number: u64, mut data: Value) -> Chunk {
    if let Some(members) = data.as_object_mut() {
        members.insert("sequence_number".to_owned(), number.into());
    }
    let name = data.get("type").and_then(Value::as_str).unwrap_or_default();
    Chunk::frame(format!("event: {name}\ndata: {data}\n\n"))
}
