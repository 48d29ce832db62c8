//! What is kept, and in which form? (docs/formats.md, "Cache entries")

use std::fmt;

use anamnesis_vault::{CacheContext, Context, KeyOwner, Opened, Purpose, Sealed, Vault};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Key;

const VERSION: u8 = 1;

/// What was computed, and what it reflects.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The position in the log (or, of what has one, the sequence in its stream) that it reflects.
    pub position: u64,
    /// What it consists of.
    pub parts: Vec<Part>,
}

/// What an entry tells of one subject.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose key seals it: a person, or the organization itself.
    pub subject: Uuid,
    /// What it says.
    pub body: Zeroizing<Vec<u8>>,
}

impl Part {
    /// A part.
    pub fn new(subject: Uuid, body: Vec<u8>) -> Self {
        Self { subject, body: Zeroizing::new(body) }
    }
}

/// Where it is from and how much it is, not what.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} parts at {})", self.parts.len(), self.position)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes of {})", self.body.len(), self.subject)
    }
}

/// Seals an entry for its place. `None`: a key can't be had, so it isn't kept.
pub(crate) async fn seal(vault: &Vault, key: &Key, entry: &Entry, epochs: &[u64]) -> Option<Vec<u8>> {
    let owners: Vec<_> = std::iter::once(key.organization()).chain(entry.parts.iter().map(|part| part.subject)).map(|of| owner(key, of)).collect();
    let keys = vault.keys(&owners).await.ok()?;
    let (outer, keys) = keys.split_first()?;
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&entry.position.to_be_bytes());
    count(&mut bytes, epochs.len())?;
    for epoch in epochs {
        bytes.extend_from_slice(&epoch.to_be_bytes());
    }
    count(&mut bytes, entry.parts.len())?;
    for (number, (part, data_key)) in entry.parts.iter().zip(keys).enumerate() {
        let sealed = data_key.seal(&context(key, Some(number), part.subject), &part.body);
        bytes.extend_from_slice(part.subject.as_bytes());
        count(&mut bytes, sealed.as_bytes().len())?;
        bytes.extend_from_slice(sealed.as_bytes());
    }
    (bytes.len() <= anamnesis_vault::MAX_BODY_BYTES).then(|| outer.seal(&context(key, None, key.organization()), &bytes).into_bytes())
}

/// Opens what was found at a place. `None`: it isn't an entry of that place and those epochs, or a subject was erased.
pub(crate) async fn open(vault: &Vault, key: &Key, found: Vec<u8>, epochs: &[u64]) -> Option<Entry> {
    let outer = Sealed::from_stored(found).ok()?;
    let keys = vault.open_keys(&[outer.key_id()]).await.ok()?;
    let Opened::Value(bytes) = keys.open(&context(key, None, key.organization()), &outer).ok()? else { return None };
    let (position, sealed) = read(&bytes, epochs)?;
    let key_ids: Vec<_> = sealed.iter().map(|(_, sealed)| sealed.key_id()).collect();
    let keys = vault.open_keys(&key_ids).await.ok()?;
    let parts =
        sealed.into_iter().enumerate().map(|(number, (subject, sealed))| match keys.open(&context(key, Some(number), subject), &sealed).ok()? {
            Opened::Value(body) => Some(Part { subject, body }),
            Opened::Erased => None,
        });
    Some(Entry { position, parts: parts.collect::<Option<_>>()? })
}

/// The organization's own cache key around everything; under it each person's data key, so that an erasure reaches it.
fn owner(key: &Key, subject: Uuid) -> KeyOwner {
    if subject == key.organization() {
        KeyOwner::organization(key.organization(), Purpose::Cache)
    } else {
        KeyOwner::data(key.organization(), subject)
    }
}

/// The whole is bound to its key; a part also to its number in it.
fn context(key: &Key, part: Option<usize>, subject: Uuid) -> Context {
    let mut place = key.to_string().into_bytes();
    if let Some(number) = part {
        place.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }
    Context::cache(&CacheContext { organization: key.organization(), cache: key.kind().name(), key: &place, subject })
}

fn count(bytes: &mut Vec<u8>, number: usize) -> Option<()> {
    bytes.extend_from_slice(&u32::try_from(number).ok()?.to_be_bytes());
    Some(())
}

/// Position and sealed parts, if the epochs are those.
fn read(bytes: &[u8], epochs: &[u64]) -> Option<(u64, Vec<(Uuid, Sealed)>)> {
    let mut rest = bytes.strip_prefix(&[VERSION])?;
    let position = u64::from_be_bytes(take(&mut rest)?);
    let lanes = u32::from_be_bytes(take(&mut rest)?);
    let held: Vec<_> = (0..lanes).map(|_| take(&mut rest).map(u64::from_be_bytes)).collect::<Option<_>>()?;
    if held != epochs {
        return None;
    }
    let parts = u32::from_be_bytes(take(&mut rest)?);
    let parts = (0..parts).map(|_| part(&mut rest)).collect::<Option<_>>()?;
    rest.is_empty().then_some((position, parts))
}

fn part(rest: &mut &[u8]) -> Option<(Uuid, Sealed)> {
    let subject = Uuid::from_bytes(take(rest)?);
    let length = u32::from_be_bytes(take(rest)?) as usize;
    let (sealed, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((subject, Sealed::from_stored(sealed.to_vec()).ok()?))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}
