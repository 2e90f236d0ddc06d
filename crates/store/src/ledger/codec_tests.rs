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

fn opened() -> impl Strategy<Value = Record> {
    let who = (prop::option::of(id()), prop::option::of(id()), prop::option::of(id()), slug());
    let what = (any::<String>(), slug(), any::<bool>(), any::<[i64; 3]>());
    let legs = prop::collection::vec((account(), any::<i64>()), 0..5);
    (key(), any::<i64>(), id(), who, what, legs).prop_map(|(key, at, request, who, what, legs)| {
        let (user, client, api_key, group) = who;
        let (model, upstream, priced, [money, tokens, calls]) = what;
        Record::Open(Arc::new(Opened {
            key,
            at: Timestamp::from_micros(at),
            request: RequestId::from_uuid(request),
            user: user.map(UserId::from_uuid),
            client: client.map(ClientId::from_uuid),
            api_key: api_key.map(KeyId::from_uuid),
            group,
            model: model.into(),
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
