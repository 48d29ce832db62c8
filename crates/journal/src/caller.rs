//! Who asks, for whom, and since when?

use std::fmt;

use anamnesis_domain::{Instant, Origin};
use uuid::Uuid;

/// What comes with every command: the edge makes it, the journal records it with each event.
#[derive(Clone)]
pub struct Caller {
    /// The tenant. A stream of another one isn't there.
    pub organization_id: Uuid,
    /// The account that asks; the system and the command line have fixed ids.
    pub actor_id: Uuid,
    /// The command, chosen by the caller: the same id again has no second effect and gets the same answer.
    pub command_id: Uuid,
    /// What belongs together across streams.
    pub correlation_id: Uuid,
    /// The event or command that caused this one, if any.
    pub causation_id: Option<Uuid>,
    /// The moment of the command, by the edge's clock.
    pub now: Instant,
    /// Where the request came from; sealed under the organization's audit key.
    pub origin: Origin,
    /// The request in its canonical form. Only its keyed hash is stored, to notice another request under the same id.
    pub request: Vec<u8>,
}

impl Caller {
    /// Who only looks at what is there; causes nothing, so nothing of it is recorded.
    pub(crate) fn reading(organization_id: Uuid) -> Self {
        Self {
            organization_id,
            actor_id: Uuid::nil(),
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            now: Instant::from_micros(0),
            origin: Origin::default(),
            request: Vec::new(),
        }
    }
}

/// Ids only: the request and its origin are about people.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller(organization {}, actor {}, command {})", self.organization_id, self.actor_id, self.command_id)
    }
}
