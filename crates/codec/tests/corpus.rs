//! Can everything that was ever sealed still be opened, read, lifted and folded?
//!
//! `tests/corpus/` has one sealed event of each kind and version, as the build wrote it that knew it first: the sample from `schemas/`, under a
//! key that anybody may know. What is new is added by `ANAMNESIS_FREEZE=1 cargo test -p anamnesis-codec --test corpus`; a file that is
//! there is never written again, and `digests.txt` tells if one was changed.

mod samples;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anamnesis_codec::{all, decode, decode_any, decode_origin, encode_any, encode_origin, find};
use anamnesis_domain::record::RecordEvent;
use anamnesis_domain::{Aggregate, AnyEvent, EventKind, Origin};
use anamnesis_vault::{Context, DataKey, EventContext, KeyName, KeyOwner, Sealed, Secret, Suite};
use samples::{Json, folder, sample};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use states::{Source, states};
use uuid::Uuid;

const ORGANIZATION: Uuid = Uuid::from_u128(0x0192_f0c1_7b1a_7c3e_8a55_0000_0000_0001);
const SUBJECT: Uuid = Uuid::from_u128(0x0192_f0c1_7b1a_7c3e_8a55_0000_0000_0002);
const STREAM: Uuid = Uuid::from_u128(0x0192_f0c1_7b1a_7c3e_8a55_0000_0000_0003);
const EVENT: Uuid = Uuid::from_u128(0x0192_f0c1_7b1a_7c3e_8a55_0000_0000_0004);
const KEY: Uuid = Uuid::from_u128(0x0192_f0c1_7b1a_7c3e_8a55_0000_0000_0005);
const DIGESTS: &str = "digests.txt";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn corpus() -> PathBuf {
    repository().join("tests/corpus")
}

fn key() -> DataKey {
    let name = KeyName { key_id: KEY, owner: KeyOwner::data(ORGANIZATION, SUBJECT), version: 1 };
    DataKey::new(name, Suite::XChaCha20Poly1305, Secret::from_slice(&[7; 32]).expect("a key has 32 bytes"))
}

/// What the corpus names of a schema: the events, and where a command came from. The envelope isn't sealed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    aggregate: &'static str,
    name: &'static str,
    version: u32,
}

impl Entry {
    fn all() -> Vec<Self> {
        let sealed = all().iter().filter(|schema| schema.aggregate != "kafka");
        sealed.map(|schema| Self { aggregate: schema.aggregate, name: schema.name, version: schema.version }).collect()
    }

    fn file(self) -> String {
        format!("{}/{}.v{}.sealed", self.aggregate, self.name, self.version)
    }

    fn sample(self) -> Value {
        sample(self.aggregate, self.name, self.version)
    }

    fn fingerprint(self) -> [u8; 8] {
        find(self.aggregate, self.name, self.version).expect("it is a schema").fingerprint
    }

    fn is_origin(self) -> bool {
        self.aggregate == "metadata"
    }

    fn context(self) -> Context {
        let place = EventContext {
            organization: ORGANIZATION,
            aggregate_type: self.aggregate,
            aggregate_id: STREAM,
            sequence: 1,
            event_id: EVENT,
            event_type: self.name,
            event_version: self.version,
            fingerprint: self.fingerprint(),
            subject: SUBJECT,
        };
        if self.is_origin() { Context::metadata(&place) } else { Context::event(&place) }
    }

    /// The event of the sample, lifted if it is old.
    fn event(self) -> AnyEvent {
        AnyEvent::decode(self.aggregate, self.name, self.version, Json(self.sample())).expect("it is known").expect("the sample is the event")
    }

    /// As this build writes it. It no longer writes old versions: where nobody sealed one when it was new, its bytes are those of
    /// the newest without what was added at their end, one byte as it is lifted.
    fn written(self) -> Vec<u8> {
        if self.is_origin() {
            let origin: Origin = serde_json::from_value(self.sample()).expect("the sample is an origin");
            return encode_origin(&origin).expect("an origin is writable");
        }
        let event = self.event();
        let mut bytes = encode_any(self.aggregate, &event).expect("an event is writable").bytes;
        if event.kind().version > self.version {
            bytes.pop();
        }
        bytes
    }

    /// What is in the file, opened.
    fn opened(self) -> Vec<u8> {
        let file = self.file();
        let bytes = fs::read(corpus().join(&file)).unwrap_or_else(|_| {
            panic!("tests/corpus/{file} isn't there: seal it with ANAMNESIS_FREEZE=1 cargo test -p anamnesis-codec --test corpus");
        });
        let sealed = Sealed::from_stored(bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        key().open(&self.context(), &sealed).unwrap_or_else(|error| panic!("{file}: {error}")).to_vec()
    }
}

/// One test, because the first step writes what the others read.
#[test]
fn every_event_that_was_sealed_opens_and_is_lifted_and_folds() {
    if std::env::var_os("ANAMNESIS_FREEZE").is_some() {
        freeze();
    }
    nothing_was_changed();
    for entry in Entry::all() {
        let (file, opened) = (entry.file(), entry.opened());
        if entry.is_origin() {
            let origin = decode_origin(&opened).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(serde_json::from_value::<Origin>(entry.sample()).is_ok_and(|sample| sample == origin), "{file} says something else");
            continue;
        }
        let event = decode_any(entry.aggregate, entry.name, entry.version, entry.fingerprint(), &opened);
        assert!(event.unwrap_or_else(|error| panic!("{file}: {error}")) == entry.event(), "{file} says something else than its sample");
    }
    let frozen = fs::read_to_string(folder().join("states.txt")).expect("states are frozen");
    for (name, hash) in states(&Corpus) {
        let state = format!("{name} {hash}");
        assert!(frozen.lines().any(|line| line == state), "the sealed events of {state} fold to something else");
    }
    a_signature_of_version_1_is_lifted_to_one_that_names_no_content();
}

/// The sealed events.
struct Corpus;

impl Source for Corpus {
    fn event<A: Aggregate>(&self, kind: &EventKind) -> A::Event {
        let entry = Entry { aggregate: A::TYPE, name: kind.name, version: kind.version };
        decode::<A>(entry.name, entry.version, entry.fingerprint(), &entry.opened()).unwrap_or_else(|error| panic!("{}: {error}", entry.file()))
    }
}

/// Who signs says since version 2 what was signed.
fn a_signature_of_version_1_is_lifted_to_one_that_names_no_content() {
    let old = Entry { aggregate: "record", name: "RecordSigned", version: 1 };
    let AnyEvent::Record(RecordEvent::RecordSigned(signed)) = decode_any("record", old.name, 1, old.fingerprint(), &old.opened()).expect("readable")
    else {
        panic!("it is a signature");
    };
    assert_eq!((signed.version, signed.content_sha256.is_none()), (2, true));
}

/// Seals what has no file yet, and writes down its digest.
fn freeze() {
    let mut digests = digests();
    for entry in Entry::all() {
        let path = corpus().join(entry.file());
        if !path.exists() {
            let sealed = key().seal(&entry.context(), &entry.written());
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("tests/corpus is writable");
            fs::write(&path, sealed.as_bytes()).expect("tests/corpus is writable");
            digests.entry(entry.file()).or_insert_with(|| digest(&path));
        }
    }
    let lines: Vec<_> = digests.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect();
    fs::write(corpus().join(DIGESTS), lines.concat()).expect("tests/corpus is writable");
}

fn nothing_was_changed() {
    let digests = digests();
    for (file, known) in &digests {
        let path = corpus().join(file);
        assert!(path.exists(), "tests/corpus/{file} is gone: whoever has such an event still has to open it");
        assert_eq!(digest(&path), *known, "tests/corpus/{file} was changed: what is stored doesn't change with the program");
    }
    let listed: BTreeSet<_> = digests.into_keys().collect();
    let there: BTreeSet<_> = Entry::all().into_iter().map(Entry::file).collect();
    assert_eq!(listed, there, "{DIGESTS} and the schemas name different events");
}

/// What `sha256sum` printed: digests by file.
fn digests() -> BTreeMap<String, String> {
    let text = fs::read_to_string(corpus().join(DIGESTS)).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once("  ")).map(|(digest, file)| (file.to_owned(), digest.to_owned())).collect()
}

fn digest(path: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(path).expect("it is there")))
}
