//! The journal's bytes are read as they were written, and damage is told, never a panic.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn key() -> impl Strategy<Value = EntryKey> {
    (id(), any::<u16>())
        .prop_map(|(call, attempt)| EntryKey { call: CallId::from_uuid(call), attempt })
}

fn account() -> impl Strategy<Value = AccountRef> {
    // Few names, so that records share them.
    ("(user|key)/[ab]/(tokens|money)/day", 0_i64..3, any::<i64>()).prop_map(
        |(budget, start_us, end_us)| AccountRef { budget: budget.into(), start_us, end_us },
    )
}

fn slug() -> impl Strategy<Value = Option<Slug>> {
    prop::option::of("[a-z][a-z0-9.-]{0,10}")
        .prop_map(|text| text.and_then(|t| Slug::parse(&t).ok()))
}

fn called() -> impl Strategy<Value = Called> {
    prop_oneof![
        any::<String>().prop_map(|model| Called::Model(model.into())),
        slug().prop_map(|tool| tool.map_or(Called::Model("".into()), Called::Tool)),
        id().prop_map(|id| Called::Connection(ConnectionId::from_uuid(id))),
    ]
}

fn opened() -> impl Strategy<Value = Record> {
    let who = (prop::option::of(id()), prop::option::of(id()), prop::option::of(id()), slug());
    let what = (called(), slug(), any::<bool>(), any::<[i64; 3]>());
    let legs = prop::collection::vec((account(), any::<i64>()), 0..5);
    (key(), any::<i64>(), id(), who, what, legs).prop_map(|(key, at, request, who, what, legs)| {
        let (user, client, api_key, group) = who;
        let (called, upstream, priced, [money, tokens, calls]) = what;
        Record::Open(Arc::new(Opened {
            key,
            at: Timestamp::from_micros(at),
            request: RequestId::from_uuid(request),
            user: user.map(UserId::from_uuid),
            client: client.map(ClientId::from_uuid),
            api_key: api_key.map(KeyId::from_uuid),
            group,
            called,
            upstream,
            priced,
            hold: Charged { money, tokens, calls },
            legs: legs.into_iter().map(|(account, hold)| Leg { account, hold }).collect(),
        }))
    })
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = prop_oneof![3 => opened(), 1 => key().prop_map(Record::Void)];
    prop::collection::vec(record, 0..12)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let decision = prop_oneof![
        prop::collection::vec(any::<i64>(), 0..5).prop_map(|leased| Decision::Granted { leased }),
        (0_usize..9, any::<i64>()).prop_map(|(leg, left)| Decision::Exhausted { leg, left }),
        (0_usize..9, any::<i64>()).prop_map(|(leg, left)| Decision::InUse { leg, left }),
    ];
    let grants = prop::collection::vec(any::<i64>().prop_map(|granted| Grant { granted }), 0..9);
    (any::<i64>(), prop::collection::vec(decision, 0..9), grants)
        .prop_map(|(seq, decisions, grants)| Outcome { seq, decisions, grants })
}

/// What a server of before wrote, and crashed over, is read by this one.
#[test]
fn a_row_from_before_there_were_tools_is_read() {
    let mut row = Writer(Vec::new());
    row.u8(1);
    row.u32(0);
    row.u32(2);
    row.u8(OPEN);
    let key = EntryKey { call: CallId::from_uuid(Uuid::from_u128(7)), attempt: 3 };
    row.key(key);
    row.i64(11);
    row.uuid(Uuid::from_u128(8));
    for nobody in [0, 0, 0, 0] {
        row.u8(nobody);
    }
    row.text("gpt-4o-mini");
    row.option(Some("openai"), Writer::text);
    row.u8(1);
    let hold = Charged { money: 1, tokens: 2, calls: 1 };
    row.charged(&hold);
    row.u32(0);
    row.u8(VOID);
    row.key(key);
    let expected = Opened {
        key,
        at: Timestamp::from_micros(11),
        request: RequestId::from_uuid(Uuid::from_u128(8)),
        user: None,
        client: None,
        api_key: None,
        group: None,
        called: Called::Model("gpt-4o-mini".into()),
        upstream: Slug::parse("openai").ok(),
        priced: true,
        hold,
        legs: Vec::new(),
    };
    let records = vec![Record::Open(Arc::new(expected)), Record::Void(key)];
    assert_eq!(decode(&row.0).ok(), Some(records.clone()));
    assert_ne!(encode(records.iter()), row.0);
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_written(records in records()) {
        prop_assert_eq!(decode(&encode(records.iter())).ok(), Some(records));
    }

    #[test]
    fn outcomes_are_read_as_they_were_written(outcome in outcome()) {
        let bytes = encode_outcome(&outcome);
        prop_assert_eq!(decode_outcome(outcome.seq, &bytes).ok(), Some(outcome));
    }

    #[test]
    fn a_row_that_was_cut_is_damaged(records in records(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(records.iter());
        let short = bytes.get(..cut.index(bytes.len())).unwrap_or_default();
        prop_assert!(decode(short).is_err());
    }

    #[test]
    fn a_row_with_something_after_it_is_damaged(records in records(), more in any::<u8>()) {
        let mut bytes = encode(records.iter());
        bytes.push(more);
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn never_panics(
        bytes in any::<Vec<u8>>(),
        records in records(),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = decode(&bytes);
        let _ = decode_outcome(1, &bytes);
        let mut damaged = encode(records.iter());
        let at = at.index(damaged.len());
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 0x55;
        }
        let _ = decode(&damaged);
    }
}
