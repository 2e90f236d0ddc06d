//! `POST /v1/embeddings`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::{Control, Input as Counted};
use super::script::Chunk;
use super::service::{Failure, Reply, Request};
use super::text::tokens;

#[derive(Deserialize)]
struct Embeddings {
    model: String,
    input: Input,
    encoding_format: Option<Format>,
    dimensions: Option<usize>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

/// One or several inputs, each a text or tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

/// How many numbers a vector has if nobody says.
const DIMENSIONS: usize = 256;

/// Answers a request for embeddings.
pub(super) fn answer(request: &Request, control: &Control) -> Result<Reply, Failure> {
    let asked: Embeddings = request.parse()?;
    let dimensions = asked.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=4_096).contains(&dimensions) {
        let message = "dimensions must be from 1 to 4096";
        return Err(Failure::invalid(message, Some("dimensions")));
    }
    let inputs = inputs(&asked.input);
    if inputs.is_empty() {
        return Err(Failure::invalid("input must not be empty", Some("input")));
    }
    let base64 = asked.encoding_format == Some(Format::Base64);
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, (text, _))| {
            let vector = vector(text, dimensions);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                Value::from(STANDARD.encode(bytes))
            } else {
                Value::from(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let used = match control.input {
        Counted::Counted => inputs.iter().map(|(_, tokens)| tokens).sum(),
        Counted::Bytes => request.body.len() as u64,
        Counted::Fixed(tokens) => tokens,
    };
    let counts = super::answer::Counts { input: used, ..Default::default() }.told(control.usage);
    let mut body = json!({"object": "list", "data": data, "model": asked.model});
    if let (Some(counts), Some(body)) = (counts, body.as_object_mut()) {
        let usage = json!({"prompt_tokens": counts.input, "total_tokens": counts.input});
        body.insert("usage".to_owned(), usage);
    }
    let chunk = Chunk::content(body.to_string(), 0).reporting(counts.is_some());
    Ok(Reply::json(chunk, used))
}

/// Each input as bytes, and how many tokens it has.
fn inputs(input: &Input) -> Vec<(Vec<u8>, u64)> {
    let text = |text: &String| (text.clone().into_bytes(), tokens(text));
    let list = |list: &Vec<u32>| {
        let bytes = list.iter().flat_map(|token| token.to_le_bytes()).collect();
        (bytes, list.len() as u64)
    };
    match input {
        Input::Text(one) => vec![text(one)],
        Input::Texts(several) => several.iter().map(text).collect(),
        Input::Tokens(one) => vec![list(one)],
        Input::TokenLists(several) => several.iter().map(list).collect(),
    }
}

/// A vector of length 1 that depends on every byte of `text`: FNV-1a stirred by `SplitMix64`.
fn vector(text: &[u8], dimensions: usize) -> Vec<f32> {
    let mut state = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let high = u16::try_from(z >> 48).unwrap_or(u16::MAX);
        f32::from(high) / 32_768.0 - 1.0
    };
    let raw: Vec<f32> = (0..dimensions).map(|_| next()).collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|x| x / length).collect()
}
