use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use sse_stream::SseByteStream;

use super::*;

/// All events of the chunks, and what is left at the end.
fn split(chunks: &[&[u8]]) -> (Vec<RawEvent>, Option<RawEvent>) {
    let mut splitter = SseSplitter::new();
    let mut events = Vec::new();
    for chunk in chunks {
        splitter.push(&Bytes::copy_from_slice(chunk));
        while let Some(event) = splitter.next_event().expect("small") {
            events.push(event);
        }
    }
    (events, splitter.finish())
}

fn data(events: &[RawEvent]) -> Vec<String> {
    events.iter().map(|e| String::from_utf8_lossy(&e.data()).into_owned()).collect()
}

#[test]
fn events_keep_their_bytes() {
    let text: &[u8] = b"event: a\ndata: 1\n\n: note\n\ndata:2\r\n\r\n";
    let (events, left) = split(&[text]);
    let bytes: Vec<&[u8]> = events.iter().map(|e| e.bytes().as_ref()).collect();
    assert_eq!(bytes, [&b"event: a\ndata: 1\n\n"[..], b": note\n\n", b"data:2\r\n\r\n"]);
    assert_eq!(data(&events), ["1", "", "2"]);
    assert_eq!(events.first().and_then(RawEvent::event_name), Some(&b"a"[..]));
    assert_eq!(left, None);
}

#[test]
fn an_event_in_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
    let mut splitter = SseSplitter::new();
    splitter.push(&chunk);
    for offset in [0, 9] {
        let event = splitter.next_event().ok().flatten().expect("an event");
        assert_eq!(event.bytes().as_ptr(), chunk.as_ptr().wrapping_add(offset));
        assert!(matches!(event.data(), Cow::Borrowed(_)));
    }
}

#[test]
fn all_line_ends_and_all_cuts_give_the_same_events() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["data: a", "data: b", "", "event: x", "data", "", "data: c", "", ""].join(end);
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            let (events, left) = split(&[head, tail]);
            let full: Vec<_> = data(&events).into_iter().filter(|d| !d.is_empty()).collect();
            assert_eq!(full, ["a\nb", "c"], "{end:?} at {cut}");
            assert!(left.is_none_or(|l| l.data().is_empty()), "{end:?} at {cut}");
        }
    }
}

#[test]
fn a_carriage_return_does_not_hold_an_event_back() {
    let mut splitter = SseSplitter::new();
    splitter.push(&Bytes::from_static(b"data: 1\r\n\r"));
    assert!(splitter.next_event().is_ok_and(|e| e.is_some_and(|e| *e.data() == *b"1")));
}

#[test]
fn a_byte_order_mark_counts_only_at_the_start() {
    let (events, _) = split(&[b"\xef\xbb", b"\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n"]);
    assert_eq!(data(&events), ["1", ""]);
}

#[test]
fn what_has_no_blank_line_is_left_at_the_end() {
    let mut splitter = SseSplitter::new();
    splitter.push(&Bytes::from_static(b"data: [DO"));
    assert_eq!(splitter.next_event(), Ok(None));
    splitter.push(&Bytes::from_static(b"NE]"));
    assert_eq!(splitter.next_event(), Ok(None));
    assert_eq!(splitter.leftover(), 12);
    let left = splitter.finish().expect("something");
    assert_eq!(left.bytes().as_ref(), b"data: [DONE]");
    assert_eq!(left.data().as_ref(), b"[DONE]");
    assert_eq!((splitter.leftover(), splitter.finish()), (0, None));
}

#[test]
fn chunks_may_be_pushed_before_events_are_taken() {
    let mut splitter = SseSplitter::new();
    for chunk in ["data: 1\n", "\ndata: 2\r", "\n\r\ndata", ": 3\n\n"] {
        splitter.push(&Bytes::from(chunk));
    }
    let mut events = Vec::new();
    while let Some(event) = splitter.next_event().expect("small") {
        events.push(event);
    }
    assert_eq!(data(&events), ["1", "2", "3"]);
}

#[test]
fn m9_an_endless_event_is_refused() {
    let filler = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut splitter = SseSplitter::new();
    let mut pushed = 0;
    while splitter.next_event().is_ok() {
        splitter.push(&filler);
        pushed += filler.len();
        assert!(pushed <= MAX_EVENT_BYTES + filler.len());
    }
    assert!(pushed > MAX_EVENT_BYTES);
    assert_eq!(splitter.leftover(), 0, "its memory is given back");
    splitter.push(&Bytes::from_static(b"\n\n"));
    assert_eq!(splitter.next_event(), Err(EventTooLarge));

    let mut whole = vec![b'x'; MAX_EVENT_BYTES - 2];
    whole.extend_from_slice(b"\n\n");
    let mut splitter = SseSplitter::new();
    splitter.push(&Bytes::from(whole.clone()));
    assert!(splitter.next_event().is_ok_and(|e| e.is_some()), "the cap itself fits");
    whole.insert(0, b'x');
    splitter.push(&Bytes::from(whole));
    assert_eq!(splitter.next_event(), Err(EventTooLarge), "one byte more does not");
}

type Fields = (String, String);

/// Name and data of each event that has one, as the crate `sse-stream` reads them.
fn oracle(chunks: Vec<Bytes>) -> Vec<Fields> {
    let input = stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let events: Vec<_> =
        SseByteStream::new(input).collect::<Vec<_>>().now_or_never().expect("never waits");
    let fields = events
        .into_iter()
        .map(|e| e.expect("well-formed"))
        .map(|e| (e.event.unwrap_or_default(), e.data.unwrap_or_default()));
    fields.filter(|f| *f != Fields::default()).collect()
}

fn ours(chunks: &[Bytes]) -> (Vec<Fields>, Vec<u8>) {
    let slices: Vec<&[u8]> = chunks.iter().map(AsRef::as_ref).collect();
    let (events, left) = split(&slices);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = events
        .iter()
        .map(|e| (e.event_name().map(text).unwrap_or_default(), text(&e.data())))
        .filter(|f| *f != Fields::default())
        .collect();
    let all = events.into_iter().chain(left).flat_map(|e| e.into_bytes().to_vec()).collect();
    (fields, all)
}

fn cut_up(text: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| Bytes::copy_from_slice(&text[w[0]..w[1]])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn agrees_with_a_second_parser_however_it_is_cut(
        lines in prop::collection::vec(
            ("(data|event|id|retry|:|data:|event:|data: |event: |other: |\u{feff}data: )?",
             "[a-zé{}: ]{0,6}", "\n|\r\n|\r|\n\n|\r\n\r\n|\r\r"),
            0..20,
        ),
        bom in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut text = String::from(if bom { "\u{feff}" } else { "" });
        for (field, value, end) in &lines {
            text.push_str(&format!("{field}{value}{end}"));
        }
        let chunks = cut_up(text.as_bytes(), &cuts);
        let (fields, all) = ours(&chunks);
        prop_assert_eq!(all, text.as_bytes());
        prop_assert_eq!(fields, oracle(chunks), "{:?}", text);
    }

    #[test]
    fn never_panics_and_never_loses_a_byte(
        text in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..200,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (_, all) = ours(&cut_up(&text, &cuts));
        prop_assert_eq!(all, text);
    }
}
