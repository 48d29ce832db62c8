//! Who did what to what, from where, and when? One row an event, for ever.

use anamnesis_domain::access::{AccessEvent, AccessKind};
use anamnesis_domain::system::{CANARY, System};
use anamnesis_domain::{AccountId, Aggregate as _, AnyEvent, Recorded, SessionId};
use uuid::Uuid;

use crate::kernel::{Fold, Follows, ForAudit, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every event there is but the system's own signs of life, which nobody does. A row stays when its subject is erased: it then tells that something was done, not what.
pub const AUDIT_LOGS: Projection = Projection {
    name: "audit_logs",
    schema: Schema::Audit,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<AuditLogs>::TABLE],
};

text_columns!(AuditAction);

row! {
    /// An act. `new_values` is what the event said, sealed under its subject's key; what was so before, the stream tells.
    pub struct AuditRow in "audit_logs" key (event_id) {
        event_id: Uuid,
        user_id: AccountId,
        session_id: Option<SessionId>,
        action: AuditAction,
        event_type: String,
        resource_type: String,
        resource_id: Uuid,
        success: bool,
        new_values: Option<Sealed<serde_json::Value>>,
        ip_address: Option<Sealed<String, ForAudit>>,
        user_agent: Option<Sealed<String, ForAudit>>,
        request_id: Option<Uuid>,
        request_route: Option<String>,
        purpose: Option<String>,
        justification: Option<Sealed<String, ForAudit>>,
        command_id: Uuid,
        correlation_id: Uuid,
        causation_id: Option<Uuid>,
    }
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum AuditAction {
    Create,
    Read,
    Update,
    Delete,
    Login,
    Logout,
    Export,
    Print,
    Share,
    DenyAccess,
}

/// The fold of `audit_logs`.
pub struct AuditLogs;

impl Fold for AuditLogs {
    type Row = AuditRow;
    const STREAMS: Streams = Streams::All;

    fn keys(event: &Recorded) -> Vec<Key> {
        Vec::from_iter(is_an_act(event).then(|| event.event_id.into()))
    }

    fn apply(rows: &mut Rows<AuditRow>, event: &Recorded) {
        if !is_an_act(event) {
            return;
        }
        let origin = event.origin.value().cloned().unwrap_or_default();
        let action = action(event);
        rows.put(AuditRow {
            event_id: event.event_id,
            user_id: event.actor_id.into(),
            session_id: origin.session_id.map(Into::into),
            action,
            event_type: event.event_type.clone(),
            resource_type: event.aggregate_type.to_owned(),
            resource_id: event.aggregate_id,
            success: action != AuditAction::DenyAccess && event.event_type != "SignInFailed",
            new_values: event.event.value().and_then(payload).map(Sealed::new),
            ip_address: seal(origin.ip_address.as_ref()),
            user_agent: seal(origin.user_agent.as_ref()),
            request_id: origin.request_id,
            request_route: origin.route,
            purpose: origin.purpose,
            justification: seal(origin.justification.as_ref()),
            command_id: event.command_id,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
        });
    }
}

fn is_an_act(event: &Recorded) -> bool {
    (event.aggregate_type, event.aggregate_id) != (System::TYPE, CANARY)
}

/// Told from what no erasure takes away, so that a rebuild after one says the same.
fn action(event: &Recorded) -> AuditAction {
    if let Some(AnyEvent::Access(access)) = event.event.value() {
        return action_of(access);
    }
    match event.event_type.as_str() {
        "SignedIn" | "SignInFailed" => AuditAction::Login,
        "SignedOut" => AuditAction::Logout,
        "RecordEnteredInError" | "DocumentRemoved" => AuditAction::Delete,
        _ if event.sequence == 1 => AuditAction::Create,
        _ => AuditAction::Update,
    }
}

fn action_of(access: &AccessEvent) -> AuditAction {
    match access {
        AccessEvent::AccessDenied(_) => AuditAction::DenyAccess,
        AccessEvent::DataAccessed(accessed) => match accessed.kind {
            AccessKind::View | AccessKind::ApiAccess => AuditAction::Read,
            AccessKind::Download | AccessKind::Export => AuditAction::Export,
            AccessKind::Print => AuditAction::Print,
            AccessKind::Share => AuditAction::Share,
        },
    }
}

/// What the event said, identity numbers masked. An access names its subjects in `data_access_logs`, where each has a row.
fn payload(event: &AnyEvent) -> Option<serde_json::Value> {
    if let AnyEvent::Access(_) = event { None } else { event.told().ok() }
}
