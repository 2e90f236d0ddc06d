//! What must hold of each parser, whatever it is given. The fuzz targets in `fuzz/` include this
//! file; the tests beside it run the committed corpora through the same functions.

use bytes::Bytes;
use tollgate_kernel::Timestamp;
use tollgate_protocol::document::Node;
use tollgate_protocol::jwt::{AccessClaims, Unverified, compact};
use tollgate_protocol::oauth::{
    Addressed, ClientAuth, Params, RedirectUri, TokenRequest, Wish, answer_url,
};
use tollgate_protocol::openai::{
    Bound, Ceiling, ModelRequest, Route, Shape, Splice, StreamMeter, classify, parse_models,
    render_models, retry_after, usage_of_json,
};
use tollgate_protocol::plugin_host::{Auth, Root, Source, read, read_api};
use tollgate_protocol::sse::{RawEvent, SseSplitter};
use tollgate_protocol::tool::{OpenApi, Security};
use tollgate_protocol::{api_key, openai};

/// The name of a target, and what it does.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 12] = [
    ("api_key", api_key_target),
    ("jwt", jwt_target),
    ("request", request_target),
    ("sse", sse_target),
    ("meter", meter_target),
    ("usage", usage_target),
    ("models", models_target),
    ("upstream_error", upstream_error_target),
    ("oauth_params", oauth_params_target),
    ("redirect_uri", redirect_uri_target),
    ("plugin_manifest", plugin_manifest_target),
    ("openapi", openapi_target),
];

/// A key has one spelling: ASCII, and no longer than it can be.
pub(crate) fn api_key_target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if api_key::parse(text).is_some() {
        assert!(text.is_ascii() && text.starts_with("tg_") && text.len() < 128);
        assert!(api_key::parse(&format!("{text}0")).is_none());
        assert!(api_key::parse(text.trim_end_matches(|_: char| true)).is_none());
    }
}

/// A token has one spelling, and claims that are read are claims that can be written.
pub(crate) fn jwt_target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(token) = Unverified::parse(text) else { return };
    let input = std::str::from_utf8(token.jws().signing_input()).unwrap_or_default();
    assert_eq!(compact(input, token.jws().signature()).expose(), text);
    let Ok(verified) = token.verified(|_| true) else { return };
    if let Ok(claims) = AccessClaims::parse(&verified) {
        assert!(claims.exp >= 0 && !claims.iss.is_empty() && !claims.sub.is_empty());
        let late = Timestamp::from_secs(claims.exp.saturating_add(61).min(1 << 40));
        if claims.exp < 1 << 39 {
            assert!(claims.check(late, &claims.iss, &claims.aud).is_err(), "expired");
        }
    }
}

/// What is authorised is what is forwarded: after a splice the same parser reads the same model,
/// and every byte that was not set is there.
pub(crate) fn request_target(data: &[u8]) {
    for route in Route::ALL {
        let Ok(request) = ModelRequest::parse(route, Bytes::copy_from_slice(data)) else {
            continue;
        };
        assert_eq!(request.body().as_ref(), data);
        let body = request.splice(&Splice {
            model: Some("another-model"),
            safety_identifier: "somebody",
            prompt_cache_key: request.prompt_cache_key().map(|_| "bucket"),
            output_ceiling: Some(Ceiling { tokens: 7, by_max_tokens: false }),
            include_usage: true,
            store_false: true,
        });
        let again = ModelRequest::parse(route, body.clone());
        let Ok(again) = again else {
            panic!("{route:?}: what was made of it is refused: {}", String::from_utf8_lossy(&body))
        };
        assert_eq!(again.model(), "another-model");
        assert_eq!((again.stream(), again.choices()), (request.stream(), request.choices()));
        if route != Route::Embeddings {
            assert!(again.output_ceiling().is_some_and(|ceiling| ceiling <= 7));
        }
        shaped(&request);
    }
}

/// What a profile is put into is the same call, and one that is read again.
fn shaped(request: &ModelRequest) {
    let bound = Bound { default: Some(0.5), ceiling: Some(0.7) };
    let shape = Shape {
        instructions: "First \"this\".",
        temperature: bound,
        top_p: bound,
        reasoning_effort: Some("low"),
    };
    let Ok(Some((made, done))) = request.shaped(&shape) else { return };
    assert_eq!((made.model(), made.stream()), (request.model(), request.stream()));
    assert_eq!(
        (made.choices(), made.output_ceiling()),
        (request.choices(), request.output_ceiling())
    );
    let text = String::from_utf8_lossy(made.body());
    assert!(done.instructions && text.contains(r#"First \"this\"."#));
}

/// The pieces are the bytes, and say the same wherever the stream is cut. (A CR at a chunk's end
/// ends a line at once, so an LF after it may be a piece of its own: one that says nothing.)
pub(crate) fn sse_target(data: &[u8]) {
    let cut = data.first().map_or(0, |byte| usize::from(*byte)).min(data.len());
    let whole = split(&[data]);
    let (first, second) = data.split_at(cut);
    assert_eq!(whole, split(&[first, second]), "cut at {cut}");
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(whole, split(&bytes), "byte by byte");
    if let Some((all, _)) = whole {
        assert_eq!(all, data);
    }
}

/// All bytes, and what the events that say something say.
type Said = (Vec<u8>, Vec<(Option<Vec<u8>>, Vec<u8>)>);

fn split(chunks: &[&[u8]]) -> Option<Said> {
    let mut splitter = SseSplitter::new();
    let (mut all, mut said) = (Vec::new(), Vec::new());
    let mut take = |event: &RawEvent| {
        all.extend_from_slice(event.bytes());
        let (name, data) = (event.event_name().map(<[u8]>::to_vec), event.data().into_owned());
        if name.is_some() || !data.is_empty() {
            said.push((name, data));
        }
    };
    for chunk in chunks {
        splitter.push(&Bytes::copy_from_slice(chunk));
        while let Some(event) = splitter.next_event().ok()? {
            take(&event);
        }
    }
    if let Some(event) = splitter.finish() {
        take(&event);
    }
    Some((all, said))
}

/// A meter never counts backwards, and never more text than came.
pub(crate) fn meter_target(data: &[u8]) {
    for route in [Route::ChatCompletions, Route::Responses] {
        for usage_asked in [false, true] {
            let mut meter = StreamMeter::new(route, usage_asked, true);
            let mut splitter = SseSplitter::new();
            splitter.push(&Bytes::copy_from_slice(data));
            let (mut frames, mut ended, mut failed) = (0, false, false);
            while let Ok(Some(event)) = splitter.next_event() {
                let event: RawEvent = event;
                let _ = meter.event(&event);
                assert!(meter.text_frames() >= frames, "a frame is taken back");
                assert!(meter.ended_cleanly() >= ended && meter.failed() >= failed, "an end too");
                frames = meter.text_frames();
                (ended, failed) = (meter.ended_cleanly(), meter.failed());
            }
            assert!(meter.text_bytes() <= data.len() as u64, "text counts once");
        }
    }
}

/// Usage that is believed adds up.
pub(crate) fn usage_target(data: &[u8]) {
    for route in Route::ALL {
        if let Some(usage) = usage_of_json(route, data) {
            assert!(usage.cached_tokens <= usage.input_tokens, "{usage:?}");
            assert!(usage.reasoning_tokens <= usage.output_tokens, "{usage:?}");
            assert!(usage.total() >= usage.input_tokens.max(usage.output_tokens));
        }
    }
}

/// A list that was read can be shown and read again.
pub(crate) fn models_target(data: &[u8]) {
    let Ok(cards) = parse_models(data) else { return };
    assert!(cards.len() <= openai::MAX_MODELS);
    let Ok(again) = parse_models(&render_models(&cards)) else { panic!("our own list is refused") };
    let ids = |cards: &[openai::ModelCard]| -> Vec<String> {
        cards.iter().map(|card| card.id.clone()).collect()
    };
    assert_eq!(ids(&again), ids(&cards));
}

/// Any error body and any wait is classified.
pub(crate) fn upstream_error_target(data: &[u8]) {
    for status in [300, 400, 401, 403, 404, 408, 429, 500, 503, 529, 599] {
        let _ = classify(status, data);
    }
    let _ = retry_after(Some(data), None);
    let _ = retry_after(None, Some(data));
}

/// Parameters that were read can be written and read again, and say the same.
pub(crate) fn oauth_params_target(data: &[u8]) {
    if let Ok(params) = Params::from_form(data) {
        let query = params.to_query();
        let again = Params::from_form(query.as_bytes()).map(|again| again.to_query());
        assert_eq!(again.ok(), Some(query));
        let (asked, again) = (Addressed::parse(&params), Addressed::parse(&params));
        assert_eq!(asked.ok(), again.ok());
        let challenge = Wish::parse(&params).ok().and_then(|wish| wish.challenge);
        assert!(challenge.is_none_or(|challenge| challenge.as_str().len() == 43));
        let _ = TokenRequest::parse(&params);
        let _ = ClientAuth::of(None, &params);
        let _ = ClientAuth::of(Some(data), &params);
    }
    let _ = Params::from_json(data);
}

/// What may be registered matches itself, leads somewhere, and takes an answer behind it.
pub(crate) fn redirect_uri_target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = RedirectUri::parse(text) else { return };
    assert!(uri.is(text) && !text.contains(['#', '*', '\\']) && text.is_ascii());
    assert!(!RedirectUri::place(text).is_empty(), "{text}");
    assert!(answer_url(text, &[("code", "c")]).starts_with(text));
}

/// What is read of a manifest stays on its domain, and reads the same from its own JSON.
pub(crate) fn plugin_manifest_target(data: &[u8]) {
    let Ok(url) = url::Url::parse("https://example.com/.well-known/ai-plugin.json") else { return };
    let Some(root) = Root::of(&url) else { return };
    let source = Source { url: &url, root: &root, loopback_tools: false };
    if let Ok(published) = read(data, &source) {
        let at = url::Url::parse(&published.manifest.api_url);
        assert!(at.is_ok_and(|at| at.scheme() == "https" && root.holds(&at)));
        if let Auth::OAuth(oauth) = &published.manifest.auth {
            let all = [&oauth.client_url, &oauth.authorization_url, &oauth.token_url];
            assert!(all.into_iter().flatten().all(|url| url.starts_with("https:")));
        }
        let kept = serde_json::to_string(&published.manifest).unwrap_or_default();
        assert_eq!(serde_json::from_str(&kept).ok(), Some(published.manifest));
    }
    if let Ok(api) = read_api(data, &url, &source) {
        assert!(url::Url::parse(&api.base).is_ok_and(|base| root.holds(&base)));
    }
}

/// What a document is read as can be written and read again, and what is published of it has our
/// address alone.
pub(crate) fn openapi_target(data: &[u8]) {
    if let Ok(node) = Node::parse(data) {
        assert_eq!(Node::parse(&node.to_json()).ok(), Some(node));
    }
    let Ok(document) = OpenApi::parse(data) else { return };
    let published = document.published("https://todo.example", Security::None);
    assert!(document.remarks().len() <= 100);
    let again = OpenApi::parse(&published);
    let Ok(again) = again else { panic!("what was made of it is refused") };
    assert_eq!(again.operation_count(), document.operation_count());
    assert_eq!(again.published("https://todo.example", Security::None), published);
}
