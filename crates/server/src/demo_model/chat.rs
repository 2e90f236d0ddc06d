//! `POST /v1/chat/completions`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Asked, Content, Counts, Tool};
use super::control::{Control, End, Told};
use super::script::Chunk;
use super::service::{Failure, Reply, Request};

/// The members that the demo model reads; all others it takes and ignores, as a provider would.
#[derive(Deserialize)]
struct Chat {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u64>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    tools: Option<Vec<Offered>>,
    tool_choice: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Offered {
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    parameters: Value,
}

/// What all events of an answer share.
struct Writer {
    id: String,
    model: String,
    created: i64,
    /// Figures before any output; the output is added as it goes.
    counts: Counts,
    told: Told,
    /// Whether the caller asked for usage.
    asked_usage: bool,
}

/// Answers a chat request.
pub(super) fn answer(request: &Request, control: &Control) -> Result<Reply, Failure> {
    let chat: Chat = request.parse()?;
    let answers = chat.n.unwrap_or(1);
    if !(1..=128).contains(&answers) {
        return Err(Failure::invalid("n must be from 1 to 128", Some("n")));
    }
    let asked_usage = chat.stream_options.as_ref().and_then(|o| o.include_usage).unwrap_or(false);
    let asked = Asked {
        prompt_tokens: chat.messages.iter().map(|message| message.content.tokens()).sum(),
        body_bytes: request.body.len() as u64,
        ceiling: [chat.max_tokens, chat.max_completion_tokens].into_iter().flatten().min(),
        answers,
        tool: tool(&chat),
        key: request.key.clone(),
    };
    let answer = Answer::to(asked, control);
    let writer = Writer {
        id: request.id.clone(),
        model: chat.model,
        created: request.created,
        counts: answer.counts,
        told: control.usage,
        asked_usage,
    };
    if chat.stream == Some(true) {
        let content = answer.count * answer.answers;
        let input = answer.counts.input;
        return Ok(Reply::stream(writer.stream(answer, control.end), content, input));
    }
    if control.end == End::Failed {
        return Err(Failure::server("The demo model failed, as it was asked to."));
    }
    let (input, output) = (answer.counts.input, answer.counts.output);
    let (body, reports) = writer.json(&answer);
    Ok(Reply::json(Chunk::content(body.to_string(), output).reporting(reports), input))
}

fn tool(chat: &Chat) -> Option<Tool> {
    let last = chat.messages.last()?;
    let refused = chat.tool_choice.as_ref().is_some_and(|choice| choice == "none");
    if refused || last.role != "user" || !last.content.speaks_of_weather() {
        return None;
    }
    let function = chat.tools.iter().flatten().find_map(|tool| tool.function.as_ref())?;
    Some(Tool::call(&function.name, &function.parameters))
}

impl Answer {
    fn finish_reason(&self) -> &'static str {
        match &self.tool {
            _ if self.cut => "length",
            Some(_) => "tool_calls",
            None => "stop",
        }
    }
}

impl Writer {
    fn json(&self, answer: &Answer) -> (Value, bool) {
        let text = answer.words.text(answer.count);
        let message = match &answer.tool {
            None => json!({"role": "assistant", "content": text, "refusal": null}),
            Some(tool) => json!({"role": "assistant", "content": null, "refusal": null,
                "tool_calls": [{"id": self.call_id(), "type": "function",
                    "function": {"name": tool.name, "arguments": text}}]}),
        };
        let choices: Vec<Value> = (0..answer.answers)
            .map(|index| {
                json!({"index": index, "message": message, "logprobs": null,
                    "finish_reason": answer.finish_reason()})
            })
            .collect();
        let mut body = json!({"id": self.id, "object": "chat.completion", "created": self.created,
            "model": self.model, "service_tier": "default", "system_fingerprint": null,
            "choices": choices});
        let told = answer.counts.told(self.told);
        if let (Some(counts), Some(body)) = (told, body.as_object_mut()) {
            body.insert("usage".to_owned(), counts.chat());
        }
        (body, told.is_some())
    }

    fn call_id(&self) -> String {
        format!("call_{}", self.id.trim_start_matches("chatcmpl-"))
    }

    /// All events, made one after the other as they are asked for.
    fn stream(self, answer: Answer, end: End) -> impl Iterator<Item = Chunk> + Send + use<> {
        let Answer { ref tool, count, answers, .. } = answer;
        let first = match tool {
            None => json!({"role": "assistant", "content": "", "refusal": null}),
            Some(tool) => json!({"role": "assistant", "content": null, "refusal": null,
                "tool_calls": [{"index": 0, "id": self.call_id(), "type": "function",
                    "function": {"name": tool.name, "arguments": ""}}]}),
        };
        let (is_tool, finish) = (tool.is_some(), answer.finish_reason());
        let words = answer.words;
        let content = count * answers;
        let whole = if end == End::Failed { content / 2 } else { content };
        let failed = end == End::Failed;
        let heads = answers;
        // Reasoning is over, and paid, when the first visible event comes.
        let reasoning = self.counts.reasoning;
        let total = heads + whole + if failed { 1 } else { answers + 2 };
        (0..total).filter_map(move |at| {
            if at < heads {
                let chunk = self.event(at, &first, None, reasoning);
                let tokens = if at == 0 { reasoning } else { 0 };
                return Some(Chunk { tokens, ..chunk });
            }
            let at = at - heads;
            if at < whole {
                let piece = Value::from(words.piece(at / answers));
                let delta = if is_tool {
                    json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
                } else {
                    json!({"content": piece})
                };
                let chunk = self.event(at % answers, &delta, None, at + 1 + reasoning);
                return Some(Chunk { tokens: 1, content: true, ..chunk });
            }
            let at = at - whole;
            if failed {
                return Some(Chunk::frame(ERROR_EVENT));
            }
            if at < answers {
                return Some(self.event(at, &json!({}), Some(finish), content + reasoning));
            }
            if at == answers { self.usage() } else { Some(Chunk::frame("data: [DONE]\n\n")) }
        })
    }

    /// An event of one choice; `output` tokens have been used when it is out.
    fn event(&self, index: u64, delta: &Value, finish: Option<&str>, output: u64) -> Chunk {
        let choice = json!({"index": index, "delta": delta, "logprobs": null,
            "finish_reason": finish});
        let shown = match self.told {
            Told::Cumulative => true,
            Told::OnLastChunk => finish.is_some(),
            Told::Honestly | Told::Never | Told::AsZero => false,
        };
        let usage = if shown {
            format!(",\"usage\":{}", Counts { output, ..self.counts }.chat())
        } else if self.asked_usage && matches!(self.told, Told::Honestly | Told::AsZero) {
            ",\"usage\":null".to_owned()
        } else {
            String::new()
        };
        let last = finish.is_some() && shown;
        Chunk::frame(self.data(&format!("[{choice}]{usage}"))).reporting(last)
    }

    /// The extra event after the last choice, for callers who asked for it.
    fn usage(&self) -> Option<Chunk> {
        if !self.asked_usage || matches!(self.told, Told::OnLastChunk | Told::Cumulative) {
            return None;
        }
        let usage = self.counts.told(self.told)?.chat();
        Some(Chunk::frame(self.data(&format!("[],\"usage\":{usage}"))).reporting(true))
    }

    fn data(&self, choices: &str) -> String {
        format!(
            "data: {{\"id\":\"{}\",\"object\":\"chat.completion.chunk\",\"created\":{},\
             \"model\":{},\"service_tier\":\"default\",\"system_fingerprint\":null,\
             \"choices\":{choices}}}\n\n",
            self.id,
            self.created,
            Value::from(self.model.as_str()),
        )
    }
}

const ERROR_EVENT: &str = "data: {\"error\":{\"message\":\"The demo model failed, as it was asked \
     to.\",\"type\":\"server_error\",\"code\":\"server_error\",\"param\":null}}\n\n";
