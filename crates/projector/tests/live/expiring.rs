//! Does an insight end when its time has run out, once, and only then?

use std::time::Duration;

use anamnesis_domain::insight::{Insight, InsightCommand, InsightStatus};
use anamnesis_domain::{AccountId, Instant, Origin};
use anamnesis_journal::{Caller, Journal, JournalSettings};
use anamnesis_loops::Pulse;
use anamnesis_projector::expiry::Expiry;
use chrono::{TimeDelta, Utc};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::parking::eventually;
use crate::support::Clinic;

fn now() -> Instant {
    Utc::now().into()
}

impl Clinic {
    fn journal(&self) -> Journal {
        Journal::open(self.writer.clone(), self.vault.clone(), JournalSettings::default())
    }

    fn caller(&self, now: Instant) -> Caller {
        let command_id = Uuid::now_v7();
        let (organization_id, actor_id) = (self.organization, Uuid::now_v7());
        let origin = Origin::default();
        Caller { organization_id, actor_id, command_id, correlation_id: command_id, causation_id: None, now, origin, request: Vec::new() }
    }

    /// An insight that was generated an hour ago, and ends so many seconds from now.
    async fn insight(&self, journal: &Journal, ends_in: Option<i64>) -> Uuid {
        let (id, then) = (Uuid::now_v7(), Utc::now() - TimeDelta::hours(1));
        let expires_at = ends_in.map(|seconds| Utc::now() + TimeDelta::seconds(seconds));
        let insight = serde_json::from_value(json!({
            "patient_id": Uuid::now_v7(), "insight_type": "TREND", "title": "Rising", "data": {}, "expires_at": expires_at, "is_actionable": true,
        }));
        let command = InsightCommand::Generate { now: then.into(), insight: Box::new(insight.unwrap()) };
        journal.create::<Insight>(id, command, &self.caller(then.into())).await.unwrap();
        id
    }

    fn expiring(&self) -> (JoinHandle<()>, CancellationToken) {
        let shutdown = CancellationToken::new();
        let every = Duration::from_millis(20);
        let expiry = Expiry { pool: self.projector.clone(), journal: self.journal(), vault: self.vault.clone(), every };
        (tokio::spawn(expiry.run(Pulse::default(), shutdown.clone())), shutdown)
    }

    async fn ends(&self, insight: Uuid) -> i64 {
        let ends = "select count(*) from journal.events where aggregate_id = $1 and event_type = 'InsightExpired'";
        sqlx::query_scalar(ends).bind(insight).fetch_one(&self.owner).await.unwrap()
    }

    async fn status(&self, journal: &Journal, insight: Uuid) -> InsightStatus {
        let (state, _) = journal.load::<Insight>(self.organization, insight).await.unwrap().unwrap();
        state.status().unwrap()
    }
}

#[tokio::test]
async fn insights_expire_once_each_however_many_notice_and_however_often() {
    let clinic = Clinic::new().await;
    let journal = clinic.journal();
    let (over, soon, later, never) = (
        clinic.insight(&journal, Some(-60)).await,
        clinic.insight(&journal, Some(1)).await,
        clinic.insight(&journal, Some(3_600)).await,
        clinic.insight(&journal, None).await,
    );
    clinic.sequence().await;
    clinic.project_all().await;

    // the read model stands still meanwhile: what is over is found in it again and again
    let processes = [clinic.expiring(), clinic.expiring(), clinic.expiring()];
    for insight in [over, soon] {
        eventually("it expires", async || clinic.ends(insight).await == 1).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (insight, ends) in [(over, 1), (soon, 1), (later, 0), (never, 0)] {
        assert_eq!(clinic.ends(insight).await, ends);
    }
    for (process, shutdown) in processes {
        shutdown.cancel();
        process.await.unwrap();
    }
    let (again, shutdown) = clinic.expiring();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(clinic.ends(over).await, 1, "nor once more after a start");
    shutdown.cancel();
    again.await.unwrap();
    assert_eq!(clinic.status(&journal, over).await, InsightStatus::Expired);
    let by: Uuid = sqlx::query_scalar("select actor_id from journal.events where aggregate_id = $1 and event_type = 'InsightExpired'")
        .bind(over)
        .fetch_one(&clinic.owner)
        .await
        .unwrap();
    assert_eq!(by, AccountId::SYSTEM.0);
}

#[tokio::test]
async fn what_somebody_has_decided_on_stays_decided_though_the_read_model_does_not_know() {
    let clinic = Clinic::new().await;
    let journal = clinic.journal();
    let (acted, over) = (clinic.insight(&journal, Some(-60)).await, clinic.insight(&journal, Some(-30)).await);
    clinic.sequence().await;
    clinic.project_all().await;
    let before = now().minus_minutes(30);
    let act = InsightCommand::ActOn { now: before, account_id: AccountId(Uuid::now_v7()), note: None };
    journal.execute::<Insight>(acted, act, &clinic.caller(before), None).await.unwrap();
    let (process, shutdown) = clinic.expiring();
    eventually("the other expires", async || clinic.ends(over).await == 1).await;
    shutdown.cancel();
    process.await.unwrap();
    assert_eq!((clinic.ends(acted).await, clinic.status(&journal, acted).await), (0, InsightStatus::ActedOn));
}
