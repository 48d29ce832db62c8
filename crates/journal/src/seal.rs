//! How do the events of a decision become rows that may be stored?

use std::borrow::Cow;

use anamnesis_codec::{Encoded, encode, encode_origin};
use anamnesis_domain::{Aggregate, Reservation, Subject};
use anamnesis_vault::{Context, DataKey, EventContext, IndexKeys, KeyOwner, Purpose, Vault};
use uuid::Uuid;

use crate::append::{Append, Claim, SealedEvent, Slot, Slots};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::outcome::SlotKind;
use crate::row::{Row, RowHash};

/// A receipt that keeps a no.
pub(crate) async fn receipt(vault: &Vault, caller: &Caller, stream: (&'static str, Uuid), refusal: String) -> Result<Append, Failure> {
    let index = vault.index(caller.organization_id).await?;
    Ok(Append { refusal: Some(refusal), ..empty(&index, caller, stream, 0) })
}

/// What a decision makes of a stream.
pub(crate) struct Change<'a, A: Aggregate> {
    /// The state at `sequence`.
    pub(crate) before: &'a A,
    /// The state with the events in it.
    pub(crate) after: &'a A,
    pub(crate) sequence: u64,
    pub(crate) events: &'a [A::Event],
}

/// The events of a decision, sealed, with what they take and give back. `is_new`: if the stream is a person's own, nothing is stored of that
/// person yet, so that the key may come with the events.
pub(crate) async fn seal<A: Aggregate>(vault: &Vault, caller: &Caller, id: Uuid, change: Change<'_, A>, is_new: bool) -> Result<Append, Failure> {
    let (sequence, events) = (change.sequence, change.events);
    let index = vault.index(caller.organization_id).await?;
    let mut append = empty(&index, caller, (A::TYPE, id), sequence);
    if events.is_empty() {
        return Ok(append);
    }
    let Decided { owners, reservations } = Decided::by(caller.organization_id, id, &change);
    let newcomer = KeyOwner::data(caller.organization_id, id);
    let (mut keys, new_key) = if is_new { vault.keys_of_newcomer(newcomer, &owners).await? } else { (vault.keys(&owners).await?, None) };
    let audit = keys.pop().ok_or(Failure::broken("the vault gave fewer keys than asked for"))?;
    let origin = if caller.origin.is_empty() { None } else { Some(encode_origin(&caller.origin)?) };
    let sealer = Sealer { caller, aggregate_type: A::TYPE, id, audit, origin };
    append.events = (sequence + 1..)
        .zip(keys.iter().zip(events))
        .map(|(sequence, (key, event))| Ok(sealer.seal(sequence, key, &encode::<A>(event)?)))
        .collect::<Result<_, Failure>>()?;
    append.new_key = new_key;
    append.expected = Some(sequence);
    append.last_sequence = sequence + events.len() as u64;
    append.claims = claims(&reservations, &index);
    append.slots = slots(&reservations)?;
    Ok(append)
}

fn empty(index: &IndexKeys, caller: &Caller, (aggregate_type, aggregate_id): (&'static str, Uuid), sequence: u64) -> Append {
    Append {
        organization_id: caller.organization_id,
        account_id: caller.actor_id,
        receipt_id: caller.command_id,
        request_hash: index.receipt(&caller.request),
        refusal: None,
        aggregate_type,
        aggregate_id,
        expected: None,
        last_sequence: sequence,
        command_id: caller.command_id,
        correlation_id: caller.correlation_id,
        causation_id: caller.causation_id,
        recorded_at: caller.now,
        new_key: None,
        events: Vec::new(),
        claims: Vec::new(),
        slots: Slots::Unchanged,
        grounds: Vec::new(),
    }
}

/// Whose keys seal the events (the last owner's the metadata), and what they take and give back.
struct Decided {
    owners: Vec<KeyOwner>,
    reservations: Vec<Reservation>,
}

impl Decided {
    fn by<A: Aggregate>(organization: Uuid, id: Uuid, change: &Change<'_, A>) -> Self {
        let Change { before, after, events, .. } = *change;
        let (mut owners, mut reservations) = (Vec::with_capacity(events.len() + 1), Vec::new());
        let mut state = Cow::Borrowed(before);
        if let Some((last, earlier)) = events.split_last() {
            for event in earlier {
                reservations.extend(state.reservations(id, event));
                state = Cow::Owned(state.into_owned().evolve(event));
                owners.push(owner(organization, state.subject(id, event)));
            }
            reservations.extend(state.reservations(id, last));
            // the state after the last one is there already, and making it again is copying the whole of it
            owners.push(owner(organization, after.subject(id, last)));
        }
        owners.push(KeyOwner::organization(organization, Purpose::Audit));
        Self { owners, reservations }
    }
}

/// Whose key seals for that subject.
pub(crate) fn owner(organization: Uuid, subject: Subject) -> KeyOwner {
    match subject {
        Subject::Person(person) => KeyOwner::data(organization, person),
        Subject::Audit => KeyOwner::organization(organization, Purpose::Audit),
        Subject::Models => KeyOwner::organization(organization, Purpose::Models),
    }
}

struct Sealer<'a> {
    caller: &'a Caller,
    aggregate_type: &'static str,
    id: Uuid,
    audit: DataKey,
    origin: Option<Vec<u8>>,
}

impl Sealer<'_> {
    fn seal(&self, sequence: u64, key: &DataKey, encoded: &Encoded) -> SealedEvent {
        let (event_id, caller) = (Uuid::now_v7(), self.caller);
        let (subject_id, metadata_subject_id) = (key.owner().subject, self.audit.owner().subject);
        let place = EventContext {
            organization: caller.organization_id,
            aggregate_type: self.aggregate_type,
            aggregate_id: self.id,
            sequence,
            event_id,
            event_type: encoded.kind.name,
            event_version: encoded.kind.version,
            fingerprint: encoded.fingerprint,
            subject: subject_id,
        };
        let payload = key.seal(&Context::event(&place), &encoded.bytes);
        let place = EventContext { subject: metadata_subject_id, ..place };
        let metadata = self.origin.as_ref().map(|origin| self.audit.seal(&Context::metadata(&place), origin));
        let mut event = SealedEvent {
            sequence,
            event_id,
            event_type: encoded.kind.name,
            event_version: encoded.kind.version,
            fingerprint: encoded.fingerprint,
            subject_id,
            metadata_subject_id,
            payload,
            metadata,
            row_hash: RowHash::from([0; 32]),
        };
        event.row_hash = self.row(&event).hash();
        event
    }

    fn row<'a>(&'a self, event: &'a SealedEvent) -> Row<'a> {
        Row {
            event_id: event.event_id,
            organization_id: self.caller.organization_id,
            aggregate_type: self.aggregate_type,
            aggregate_id: self.id,
            sequence: event.sequence,
            event_type: event.event_type,
            event_version: event.event_version,
            fingerprint: event.fingerprint,
            subject_id: event.subject_id,
            metadata_subject_id: event.metadata_subject_id,
            recorded_at_us: self.caller.now.micros(),
            command_id: self.caller.command_id,
            correlation_id: self.caller.correlation_id,
            causation_id: self.caller.causation_id,
            actor_id: self.caller.actor_id,
            payload: event.payload.as_bytes(),
            metadata: event.metadata.as_ref().map_or(&[], anamnesis_vault::Sealed::as_bytes),
        }
    }
}

/// What is left of taking and giving back in the end: for each value its last word.
fn claims(reservations: &[Reservation], index: &IndexKeys) -> Vec<Claim> {
    let mut words: Vec<(&'static str, &str, bool)> = Vec::new();
    for reservation in reservations {
        let (kind, value, takes) = match reservation {
            Reservation::Claim { kind, value } => (*kind, value.as_str(), true),
            Reservation::Release { kind, value } => (*kind, value.as_str(), false),
            Reservation::Slot { .. } | Reservation::ReleaseSlots => continue,
        };
        words.retain(|word| (word.0, word.1) != (kind, value));
        words.push((kind, value, takes));
    }
    let claim = |(kind, value, takes)| Claim { takes, kind, key_version: index.version(), hash: index.claim(kind, value) };
    words.into_iter().map(claim).collect()
}

/// The times that the stream holds in the end.
fn slots(reservations: &[Reservation]) -> Result<Slots, Failure> {
    let mut held = Slots::Unchanged;
    for reservation in reservations {
        match reservation {
            Reservation::Claim { .. } | Reservation::Release { .. } => {}
            Reservation::ReleaseSlots => held = Slots::Held(Vec::new()),
            Reservation::Slot { resources, start, end } => {
                let slot = |(kind, resource_id): &(&str, Uuid)| {
                    let kind = SlotKind::from_name(kind).ok_or(Failure::broken("an event takes the time of an unknown kind of resource"))?;
                    Ok(Slot { kind, resource_id: *resource_id, start: *start, end: *end })
                };
                held = Slots::Held(resources.iter().map(slot).collect::<Result<_, Failure>>()?);
            }
        }
    }
    Ok(held)
}
