//! Do the bytes still agree with `docs/formats`? The same vectors are recomputed by tests/formats/reader.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anamnesis_vault::{
    CacheContext, ChunkContext, ColumnContext, Context, DataKey, EventContext, IndexKeys, KeyName, KeyOwner, KeyProvider, Keyring, Purpose, Sealed,
    Secret, SnapshotContext, Suite, row_digest,
};
use serde_json::Value;
use uuid::Uuid;

/// A JSON object of a vector file.
#[derive(Clone, Copy)]
struct Vector<'a>(&'a Value);

impl<'a> Vector<'a> {
    fn text(self, field: &str) -> &'a str {
        self.0[field].as_str().unwrap_or_else(|| panic!("{field} of {}", self.0))
    }

    fn number(self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_else(|| panic!("{field} of {}", self.0))
    }

    fn version(self, field: &str) -> u32 {
        u32::try_from(self.number(field)).unwrap()
    }

    fn bytes(self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap()
    }

    fn uuid(self, field: &str) -> Uuid {
        self.text(field).parse().unwrap()
    }

    fn each(self, field: &str) -> impl Iterator<Item = Vector<'a>> {
        self.0[field].as_array().unwrap().iter().map(Vector)
    }

    fn key(self, secret: &str, owner: KeyOwner, version: u32) -> DataKey {
        let name = KeyName { key_id: self.uuid("key_id"), owner, version };
        DataKey::new(name, Suite::default(), Secret::from_slice(&self.bytes(secret)).unwrap())
    }
}

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn for_each(file: &str, check: impl Fn(Vector<'_>)) {
    let vectors = read(file);
    assert!(!vectors.as_array().unwrap().is_empty());
    vectors.as_array().unwrap().iter().map(Vector).for_each(check);
}

fn context(kind: &str, place: Vector<'_>) -> Context {
    let (organization, subject) = (place.uuid("organization"), place.uuid("subject"));
    let event = || EventContext {
        organization,
        aggregate_type: place.text("aggregate_type"),
        aggregate_id: place.uuid("aggregate_id"),
        sequence: place.number("sequence"),
        event_id: place.uuid("event_id"),
        event_type: place.text("event_type"),
        event_version: place.version("event_version"),
        fingerprint: place.bytes("fingerprint").try_into().unwrap(),
        subject,
    };
    let chunk = || ChunkContext {
        organization,
        container: place.text("container"),
        name: place.text("name"),
        chunk: place.number("chunk"),
        last: place.0["last"].as_bool().unwrap(),
        subject,
    };
    match kind {
        "event" => Context::event(&event()),
        "metadata" => Context::metadata(&event()),
        "column" => Context::column(&ColumnContext {
            organization,
            table: place.text("table"),
            column: place.text("column"),
            row_key: &place.bytes("row_key"),
            subject,
        }),
        "snapshot" => Context::snapshot(&SnapshotContext {
            organization,
            aggregate_type: place.text("aggregate_type"),
            aggregate_id: place.uuid("aggregate_id"),
            sequence: place.number("sequence"),
            version: place.version("version"),
            subject,
        }),
        "cache" => Context::cache(&CacheContext { organization, cache: place.text("cache"), key: &place.bytes("key"), subject }),
        "object" => Context::object(&chunk()),
        "backup" => Context::backup(&chunk()),
        other => panic!("a context of kind {other}"),
    }
}

#[test]
fn contexts() {
    for_each("contexts.json", |vector| {
        let made = context(vector.text("kind"), Vector(&vector.0["place"]));
        let whole = [made.as_bytes(), vector.uuid("key_id").as_bytes()].concat();
        assert_eq!(hex::encode(whole), vector.text("context"), "{}", vector.text("name"));
    });
}

/// The sealed vectors open in the context of the context vectors that they name by their bytes.
#[test]
fn sealed_values_open() {
    let contexts = read("contexts.json");
    for_each("sealed.json", |vector| assert_opens(vector, &contexts, &vector.key("data_key", nobody(), 1)));
}

#[tokio::test]
async fn wraps_open_with_their_keyring_and_the_key_opens_its_values() {
    let (contexts, keyrings) = (read("contexts.json"), read("wraps.json"));
    for vector in keyrings.as_array().unwrap().iter().map(Vector) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vector.text("keyring_toml")).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let keyring = Keyring::open(file.path()).unwrap();
        for wrap in vector.each("wraps") {
            let owner = KeyOwner {
                organization: wrap.uuid("organization"),
                subject: wrap.uuid("subject"),
                purpose: Purpose::from_name(wrap.text("purpose")).unwrap(),
            };
            let name = KeyName { key_id: wrap.uuid("key_id"), owner, version: wrap.version("version") };
            let wrapped = Sealed::from_stored(wrap.bytes("wrapped")).unwrap();
            assert_eq!(wrapped.key_id(), wrap.uuid("wrapping_key_id"));
            let secret = keyring.unwrap(&name, &wrapped).await.unwrap();
            let key = DataKey::new(name, Suite::default(), secret);
            assert_opens(Vector(&wrap.0["sealed_under_it"]), &contexts, &key);
        }
        let current = keyring.wrap(&some_name(), &Secret::random()).await.unwrap();
        let first = vector.each("wraps").next().unwrap();
        assert_eq!((current.wrapping_key_id, current.epoch), (first.uuid("wrapping_key_id"), first.number("epoch")));
    }
}

#[test]
fn claims_blind_indexes_and_command_ids() {
    for_each("index.json", |vector| {
        let owner = KeyOwner::organization(vector.uuid("organization"), Purpose::Index);
        let key = vector.key("index_data_key", owner, vector.version("version"));
        let index = IndexKeys::new(key.clone(), key);
        for claim in vector.each("claims") {
            let made = index.claim(claim.text("kind"), claim.text("normalised_text"));
            assert_eq!(hex::encode(made), claim.text("claim"));
        }
        for blind in vector.each("blinds") {
            let made = index.blind(blind.text("column"), blind.text("normalised_text"));
            assert_eq!(hex::encode(made), blind.text("blind"));
        }
        for command in vector.each("command_ids") {
            let made = index.command_id(command.text("source"), command.text("resource_type"), command.text("id"));
            assert_eq!(made, command.uuid("command_id"));
            assert_eq!((made.get_version_num(), made.get_variant()), (8, uuid::Variant::RFC4122));
        }
    });
}

#[test]
fn row_digests() {
    for_each("digest.json", |vector| {
        let name = KeyName { key_id: Uuid::nil(), ..some_name() };
        let key = Secret::from_slice(&vector.bytes("digest_data_key")).unwrap();
        let key = DataKey::new(name, Suite::default(), key);
        let columns: Vec<(&str, Option<Vec<u8>>)> = vector.0["columns"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().map(|value| hex::decode(value).unwrap())))
            .collect();
        let columns: Vec<_> = columns.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        let made = row_digest(&key, vector.text("table"), &vector.bytes("row_key"), &columns);
        assert_eq!(hex::encode(made), vector.text("digest"));
    });
}

fn assert_opens(vector: Vector<'_>, contexts: &Value, key: &DataKey) {
    let place = contexts.as_array().unwrap().iter().map(Vector).find(|place| place.text("context") == vector.text("context"));
    let place = place.expect("a sealed vector stands in the place of a context vector");
    let sealed = Sealed::from_stored(vector.bytes("sealed")).unwrap();
    assert_eq!(sealed.key_id(), vector.uuid("key_id"));
    let body = key.open(&context(place.text("kind"), Vector(&place.0["place"])), &sealed).unwrap();
    assert_eq!(hex::encode(&*body), vector.text("body"), "{}", vector.text("name"));
}

fn nobody() -> KeyOwner {
    KeyOwner::data(Uuid::nil(), Uuid::nil())
}

fn some_name() -> KeyName {
    KeyName { key_id: Uuid::from_u128(1), owner: nobody(), version: 1 }
}
