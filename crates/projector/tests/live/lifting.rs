//! Is an event that an earlier version of the program wrote the same to everybody who reads it today?

use anamnesis_domain::system::{ProjectionRebuilt, RebuildAct, SystemEvent};
use anamnesis_domain::{AnyEvent, Instant, Opened, Recorded};
use anamnesis_journal::log::open;
use anamnesis_projections::audit_logs::{AUDIT_LOGS, AuditLogs, AuditRow};
use anamnesis_projections::kernel::{Stamped, fold_until};
use anamnesis_projector::{digest, read};
use uuid::Uuid;

use crate::support::{Clinic, Told};

/// Written as version 1, which doesn't know what was done.
pub(crate) fn rebuilt_once() -> Told {
    let event = ProjectionRebuilt {
        rebuilt_at: Instant::from_micros(1),
        projection: "patients".try_into().unwrap(),
        position: 7,
        folded_events: 5,
        duration_ms: 3,
        digest: None,
        act: RebuildAct::RolledBack,
    };
    let stream = Uuid::new_v4();
    Told { subject: None, is_old: true, ..Told::of("system", stream, stream, SystemEvent::from(event)) }
}

#[track_caller]
pub(crate) fn assert_lifted(event: &Recorded) {
    let Opened::Value(AnyEvent::System(SystemEvent::ProjectionRebuilt(lifted))) = &event.event else { panic!("it isn't opened") };
    assert_eq!((lifted.act, lifted.position), (RebuildAct::Rebuilt, 7));
}

async fn shown(clinic: &Clinic) -> serde_json::Value {
    let mut tx = clinic.owner.begin().await.unwrap();
    let mut rows: Vec<Stamped<AuditRow>> = read::rows(&mut tx, |q| {
        q.push("true");
    })
    .await
    .unwrap();
    read::open(&clinic.vault, &mut rows).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].json()["new_values"].clone()
}

#[tokio::test]
async fn an_old_version_is_lifted_on_every_way_out_of_the_log() {
    let clinic = Clinic::new().await;
    let told = rebuilt_once();
    let head = clinic.tell(&told).await;
    assert_eq!(clinic.count("journal.events where event_type = 'ProjectionRebuilt' and event_version = 1").await, 1);

    // replay and streams open what stands in the log
    let entries = clinic.log().read_after(0, 10).await.unwrap();
    let opened = open(entries, &clinic.vault).await.unwrap();
    assert_lifted(opened[0].as_ref().unwrap());

    // history folds it
    let past = clinic.history().of_stream("system", told.stream, head).await.unwrap();
    assert_lifted(&past[0]);
    let then = fold_until::<AuditLogs>(&past).unwrap().remove(0).json()["new_values"].clone();
    assert_eq!(then["act"], "REBUILT");

    // the live projector, and a rebuild
    clinic.project_all().await;
    assert_eq!(shown(&clinic).await, then);
    let live = digest(&mut clinic.owner.acquire().await.unwrap(), &clinic.vault, &AUDIT_LOGS, "audit").await.unwrap();
    let rebuilt = clinic.rebuild().run(&AUDIT_LOGS, |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.digest, shown(&clinic).await), (Some(live), then));
}
