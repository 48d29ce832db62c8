//! Does a sealed value open where it belongs, whole, and nowhere else?
#![allow(clippy::unwrap_used, missing_docs, reason = "a panic is how a test fails")]

use anamnesis_vault::{
    CacheContext, ChunkContext, ColumnContext, Context, DataKey, EventContext, KeyName, KeyOwner, OpenError, Sealed, Secret, SnapshotContext, Suite,
    row_digest,
};
use proptest::prelude::*;
use uuid::Uuid;

const SUITES: [Suite; 2] = [Suite::XChaCha20Poly1305, Suite::Aes256Gcm];

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn key(suite: Suite) -> DataKey {
    key_of(suite, 7)
}

fn key_of(suite: Suite, byte: u8) -> DataKey {
    let name = KeyName { key_id: id(5), owner: KeyOwner::data(id(1), id(2)), version: 1 };
    DataKey::new(name, suite, Secret::from_slice(&[byte; 32]).unwrap())
}

fn event() -> EventContext<'static> {
    EventContext {
        organization: id(1),
        aggregate_type: "patient",
        aggregate_id: id(2),
        sequence: 3,
        event_id: id(4),
        event_type: "PatientRegistered",
        event_version: 1,
        fingerprint: [9; 8],
        subject: id(2),
    }
}

/// Every place that differs from the event's in one thing.
fn elsewhere() -> Vec<Context> {
    let here = event();
    let events = [
        EventContext { organization: id(9), ..here },
        EventContext { aggregate_type: "provider", ..here },
        EventContext { aggregate_id: id(9), ..here },
        EventContext { sequence: 4, ..here },
        EventContext { event_id: id(9), ..here },
        EventContext { event_type: "PatientRegistere", ..here },
        EventContext { event_version: 2, ..here },
        EventContext { fingerprint: [8; 8], ..here },
        EventContext { subject: id(9), ..here },
    ];
    events.iter().map(Context::event).chain([Context::metadata(&here)]).collect()
}

#[test]
fn an_event_opens_in_its_place_only() {
    for key in SUITES.map(key) {
        let sealed = key.seal(&Context::event(&event()), b"findings");
        assert_eq!(key.open(&Context::event(&event()), &sealed).unwrap().as_slice(), b"findings");
        for moved in elsewhere() {
            assert_eq!(key.open(&moved, &sealed), Err(OpenError::Commitment));
        }
    }
}

#[test]
fn a_column_moved_to_another_table_column_row_or_person_does_not_open() {
    let here = ColumnContext { organization: id(1), table: "patients", column: "name", row_key: b"1", subject: id(2) };
    let key = key(Suite::default());
    let sealed = key.seal(&Context::column(&here), b"Jane");
    let others = [
        ColumnContext { organization: id(9), ..here },
        ColumnContext { table: "providers", ..here },
        ColumnContext { column: "email", ..here },
        ColumnContext { row_key: b"2", ..here },
        ColumnContext { subject: id(9), ..here },
        // the same letters, the border elsewhere
        ColumnContext { table: "patientsn", column: "ame", ..here },
    ];
    for other in others {
        assert_eq!(key.open(&Context::column(&other), &sealed), Err(OpenError::Commitment));
    }
    assert!(key.open(&Context::column(&here), &sealed).is_ok());
}

#[test]
fn every_kind_of_place_differs_from_every_other() {
    let (organization, subject) = (id(1), id(2));
    let chunk = ChunkContext { organization, container: "a", name: "b", chunk: 0, last: false, subject };
    let snapshot = SnapshotContext { organization, aggregate_type: "a", aggregate_id: id(2), sequence: 1, version: 1, subject };
    let cache = CacheContext { organization, cache: "a", key: b"b", subject };
    let places = [
        Context::event(&event()),
        Context::metadata(&event()),
        Context::column(&ColumnContext { organization, table: "a", column: "b", row_key: b"c", subject }),
        Context::snapshot(&snapshot),
        Context::snapshot(&SnapshotContext { sequence: 2, ..snapshot }),
        Context::snapshot(&SnapshotContext { version: 2, ..snapshot }),
        Context::cache(&cache),
        Context::cache(&CacheContext { key: b"c", ..cache }),
        Context::object(&chunk),
        Context::object(&ChunkContext { chunk: 1, ..chunk }),
        Context::object(&ChunkContext { last: true, ..chunk }),
        Context::backup(&chunk),
    ];
    let key = key(Suite::default());
    for (at, place) in places.iter().enumerate() {
        let sealed = key.seal(place, b"body");
        for (other_at, other) in places.iter().enumerate() {
            assert_eq!(key.open(other, &sealed).is_ok(), at == other_at, "{at} opens as {other_at}");
        }
    }
}

#[test]
fn no_byte_of_a_sealed_value_can_be_changed() {
    for key in SUITES.map(key) {
        let context = Context::event(&event());
        let stored = key.seal(&context, b"findings").into_bytes();
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 0x01;
            let told = Sealed::from_stored(changed).map(|sealed| key.open(&context, &sealed));
            match at {
                0 => assert!(told.is_err()),
                // the suite: unknown, or the other one, under which the keys differ
                1 => assert!(!matches!(told, Ok(Ok(_)))),
                2..18 => assert!(matches!(told, Ok(Err(OpenError::AnotherKey(_))))),
                18..82 => assert_eq!(told, Ok(Err(OpenError::Commitment)), "byte {at}"),
                _ => assert_eq!(told, Ok(Err(OpenError::Changed)), "byte {at}"),
            }
        }
    }
}

#[test]
fn a_sealed_value_can_be_neither_cut_nor_lengthened() {
    let (key, context) = (key(Suite::default()), Context::event(&event()));
    let stored = key.seal(&context, &[1; 252]).into_bytes();
    for len in [0, 1, 81, 82, 98, 353, stored.len() - 256, stored.len() - 1] {
        let opened = Sealed::from_stored(stored[..len].to_vec()).ok().and_then(|cut| key.open(&context, &cut).ok());
        assert!(opened.is_none(), "cut to {len}");
    }
    let longer = Sealed::from_stored([stored, vec![0]].concat()).unwrap();
    assert_eq!(key.open(&context, &longer), Err(OpenError::Changed));
}

#[test]
fn another_key_of_the_same_name_does_not_open_it() {
    let context = Context::event(&event());
    let sealed = key_of(Suite::default(), 7).seal(&context, b"findings");
    assert_eq!(key_of(Suite::default(), 8).open(&context, &sealed), Err(OpenError::Commitment));
}

#[test]
fn the_same_value_sealed_twice_looks_different_all_over() {
    let (key, context) = (key(Suite::default()), Context::event(&event()));
    let (one, two) = (key.seal(&context, b"findings"), key.seal(&context, b"findings"));
    let same = one.as_bytes()[18..].iter().zip(&two.as_bytes()[18..]).filter(|(a, b)| a == b).count();
    assert!(same < 20, "{same} of 336 bytes agree; about one is expected");
}

#[test]
fn a_row_digest_depends_on_every_value_and_not_on_the_order_of_columns() {
    let key = key(Suite::default());
    let digest = |columns: &[(&str, Option<&[u8]>)]| row_digest(&key, "patients", b"1", columns);
    let one = digest(&[("a", Some(b"1")), ("b", None)]);
    assert_eq!(one, digest(&[("b", None), ("a", Some(b"1"))]));
    for other in [
        digest(&[("a", Some(b"1")), ("b", Some(b""))]),
        digest(&[("a", Some(b"2")), ("b", None)]),
        digest(&[("a", Some(b"1"))]),
        row_digest(&key, "patients", b"2", &[("a", Some(b"1")), ("b", None)]),
        row_digest(&key, "providers", b"1", &[("a", Some(b"1")), ("b", None)]),
        row_digest(&key_of(Suite::default(), 8), "patients", b"1", &[("a", Some(b"1")), ("b", None)]),
    ] {
        assert_ne!(one, other);
    }
}

/// Bodies as they come: noise, and text that compresses.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9_000),
        ("[a-c ]{0,40}", 1..200_usize).prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_to_the_same(body in body(), suite in 0..2_usize, sequence: u64) {
        let (key, context) = (key(SUITES[suite]), Context::event(&EventContext { sequence, ..event() }));
        let stored = key.seal(&context, &body).into_bytes();
        prop_assert!(stored.len() < body.len() + 82 + 16 + 261 + body.len() / 8);
        let opened = key.open(&context, &Sealed::from_stored(stored).unwrap()).unwrap();
        prop_assert_eq!(opened.as_slice(), body.as_slice());
    }

    #[test]
    fn any_flipped_bit_keeps_it_shut(body in body(), suite in 0..2_usize, at: prop::sample::Index) {
        let (key, context) = (key(SUITES[suite]), Context::event(&event()));
        let mut stored = key.seal(&context, &body).into_bytes();
        let bit = at.index(stored.len() * 8);
        stored[bit / 8] ^= 1 << (bit % 8);
        let opened = Sealed::from_stored(stored).ok().and_then(|sealed| key.open(&context, &sealed).ok());
        prop_assert!(opened.is_none(), "bit {} is not protected", bit);
    }

    #[test]
    fn stored_bytes_never_do_harm(stored in prop::collection::vec(any::<u8>(), 0..600), suite in 1..3_u8) {
        let mut stored = stored;
        if stored.len() > 18 {
            stored[..2].copy_from_slice(&[1, suite]);
            stored[2..18].copy_from_slice(id(5).as_bytes());
        }
        let opened = Sealed::from_stored(stored).ok().map(|sealed| key(Suite::default()).open(&Context::event(&event()), &sealed));
        prop_assert!(!matches!(opened, Some(Ok(_))));
    }
}
