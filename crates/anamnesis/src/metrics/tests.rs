use anamnesis_domain::organization::{NewOrganization, Organization, OrganizationCommand};
use anamnesis_journal::sequencer::{Sequencer, SequencerSettings};
use anamnesis_journal::testing::{TestDatabase, caller};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;

async fn gap(installation: &Installation) -> String {
    let mut gauges = Gauges::default();
    journal::tell(installation, &mut gauges).await.unwrap();
    let mut text = String::new();
    encode_registry(&mut text, &gauges.registry()).unwrap();
    text.lines().find(|line| line.starts_with("anamnesis_log_gap ")).unwrap().to_owned()
}

#[tokio::test]
async fn a_position_that_is_missing_is_a_gap_and_a_late_one_is_not() {
    let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().unwrap());
    let config = Config { data_dir: folder.path().join("data"), database_url: Some(database.url().into()), ..Config::default() };
    let installation = Installation::open(&config, &database.url().into()).await.unwrap();
    let shutdown = CancellationToken::new();
    let _stops = shutdown.clone().drop_guard();
    tokio::spawn(Sequencer::new(installation.writer.clone(), SequencerSettings::default()).run(shutdown));
    for name in ["First", "Second", "Third"] {
        let caller = caller();
        let organization = NewOrganization { name: name.try_into().unwrap(), slug: None };
        let register = OrganizationCommand::Register { now: caller.now, organization };
        installation.journal.create::<Organization>(Uuid::now_v7(), register, &caller).await.unwrap();
    }
    installation.log.wait_for(3, Duration::from_secs(30)).await.unwrap();
    // nobody has verified anything yet: that is late, and nothing is missing
    assert_eq!(gap(&installation).await, "anamnesis_log_gap 0.0");
    let lose = "alter table journal.log disable trigger all; delete from journal.log where position = 2";
    sqlx::raw_sql(lose).execute(&database.superuser()).await.unwrap();
    assert_eq!(gap(&installation).await, "anamnesis_log_gap 1.0");
}

#[tokio::test]
async fn nothing_is_told_to_the_world_without_a_token() {
    let everywhere = Config { metrics_listen: ([0, 0, 0, 0], 0).into(), ..Config::default() };
    assert!(listener(&everywhere).await.unwrap_err().to_string().contains("metrics_token"));
    let with_token = Config { metrics_token: Some("open sesame".into()), ..everywhere };
    let bound = listener(&with_token).await.unwrap().unwrap();
    // a port that somebody else has costs the metrics and nothing else
    let taken = Config { metrics_listen: bound.local_addr().unwrap(), ..with_token };
    assert!(listener(&taken).await.unwrap().is_none());
}
