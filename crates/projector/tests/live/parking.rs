//! Does poison park its own stream and nothing else, until it is mended or left out?

use std::time::Duration;

use anamnesis_projections::kernel::{AtPoison, Projection};
use anamnesis_projections::{ALL, find};
use anamnesis_projector::parked::{self, Parked};
use anamnesis_projector::{ProjectorSettings, Status, digest};
use uuid::Uuid;

use crate::stories::{condition, consent_granted, consent_revoked, deactivated, identifier_added, registered};
use crate::support::{Clinic, PATIENCE, Run};

const QUICK: Duration = Duration::from_millis(50);

fn settings() -> ProjectorSettings {
    ProjectorSettings { wait: QUICK, beat: QUICK, batch: 4, ..ProjectorSettings::default() }
}

impl Clinic {
    /// Somebody with all rights alters the event at a position; altered again, it is as before.
    pub(crate) async fn alter(&self, position: u64) {
        let flip = "update journal.events set payload = set_bit(payload, 790, 1 - get_bit(payload, 790))
             where (aggregate_type, aggregate_id, sequence) = (select aggregate_type, aggregate_id, sequence from journal.log where position = ";
        self.execute(&format!("set session_replication_role = replica; {flip}{position}); set session_replication_role = origin")).await;
    }

    async fn parked(&self) -> Vec<Parked> {
        parked::list(&self.writer).await.unwrap()
    }

    pub(crate) async fn parked_by(&self, projection: &str) -> Option<Parked> {
        self.parked().await.into_iter().find(|parked| parked.projection == projection)
    }

    pub(crate) async fn waiting(&self, projection: &str) -> Vec<i64> {
        let parked = self.parked_by(projection).await.unwrap();
        parked::waiting(&self.writer, &parked, 100).await.unwrap().iter().map(|waiting| waiting.position).collect()
    }

    pub(crate) async fn ask(&self, projection: &str) {
        assert!(parked::ask(&self.writer, &self.parked_by(projection).await.unwrap()).await.unwrap());
    }

    /// Of which of the patient's events the row tells last.
    pub(crate) async fn row_of(&self, patient: Uuid) -> Option<i64> {
        sqlx::query_scalar("select sequence from read.patients where patient_id = $1").bind(patient).fetch_optional(&self.owner).await.unwrap()
    }

    async fn digest(&self, projection: &'static Projection) -> String {
        digest(&mut self.owner.acquire().await.unwrap(), &self.vault, projection, projection.schema.name()).await.unwrap()
    }

    /// All rows are compared, and are the same.
    pub(crate) async fn assert_one_same_as_rebuilt(&self, name: &str) {
        let projection = find(name).unwrap();
        let live = self.digest(projection).await;
        let rebuilt = self.rebuild().run(projection, |_, _| {}).await.unwrap();
        assert_eq!((rebuilt.digest, rebuilt.not_compared), (Some(live), 0), "{name}");
    }
}

pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

async fn wait_until_stopped(run: &Run, projection: &str) {
    eventually("it stands still", async || matches!(run.progress.states()[projection].status, Status::Stopped { .. })).await;
}

/// It goes on from where it stood still, and gets there.
async fn goes_on(run: &Run, projection: &str, position: u64) {
    eventually("it goes on", async || run.progress.states()[projection].position >= position).await;
}

/// Three patients with a few events each; the second one's event at position 5 was altered.
async fn poisoned() -> (Clinic, [Uuid; 3]) {
    let (clinic, patients) = (Clinic::new().await, [(); 3].map(|()| Uuid::new_v4()));
    clinic.tell_all(&patients.map(|patient| registered(patient, "Curie"))).await;
    clinic.tell_all(&patients.map(|patient| identifier_added(patient, "1"))).await;
    clinic.alter(5).await;
    (clinic, patients)
}

#[tokio::test]
async fn poison_parks_its_stream_and_what_comes_of_it_later_waits_in_order() {
    let (clinic, [first, second, third]) = poisoned().await;
    let run = clinic.project_with(settings());
    run.reached("patients", 6).await;
    let last = clinic
        .tell_all(&[identifier_added(second, "2"), identifier_added(third, "2"), condition(second, Uuid::new_v4(), "1"), deactivated(second)])
        .await;
    run.reached("patients", last).await;
    run.reached("history_lists", last).await;
    assert_eq!([clinic.row_of(first).await, clinic.row_of(second).await, clinic.row_of(third).await], [Some(2), Some(1), Some(3)]);
    let parked = clinic.parked_by("patients").await.unwrap();
    assert_eq!((parked.aggregate_id, parked.position, parked.reason.as_str(), parked.attempts), (second, 5, "altered", 1));
    assert_eq!((parked.organization_id, parked.stands_still), (clinic.organization, false));
    assert_eq!(clinic.waiting("patients").await, [5, 7, 9, 10]);
    assert_eq!(clinic.waiting("history_lists").await, [5, 7, 9, 10], "another projection that takes the stream has parked it for itself");
    let states = run.progress.states();
    assert_eq!((states["patients"].parked, &states["patients"].status, states["appointments"].parked), (1, &Status::Running, 0));
    assert!(clinic.parked_by("appointments").await.is_none());
}

#[tokio::test]
async fn another_version_of_the_program_tries_what_is_parked_once() {
    let (clinic, [_, second, _]) = poisoned().await;
    let run = clinic.project_these(&[find("patients").unwrap()], settings());
    run.reached("patients", 6).await;
    run.stop().await;
    let attempts = async || clinic.parked_by("patients").await.map(|parked| (parked.attempts, parked.is_asked));
    // longer than it takes to look for what is to be tried
    let start = async || {
        let run = clinic.project_these(&[find("patients").unwrap()], settings());
        tokio::time::sleep(Duration::from_secs(3)).await;
        run.stop().await;
    };
    start().await;
    assert_eq!(attempts().await, Some((1, false)), "the same version would find the same");
    let another = "update journal.parked set program = '0.0.1'";
    clinic.execute(another).await;
    start().await;
    start().await;
    assert_eq!(attempts().await, Some((2, false)));
    clinic.alter(5).await;
    clinic.execute(another).await;
    let run = clinic.project_with(settings());
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(second).await, Some(2));
    run.stop().await;
}

#[tokio::test]
async fn what_is_mended_and_tried_again_gives_what_a_rebuild_gives() {
    let (clinic, [_, second, _]) = poisoned().await;
    let run = clinic.project_with(settings());
    // more than a batch
    let last = clinic.tell_all(&(0..9).map(|number| identifier_added(second, &number.to_string())).collect::<Vec<_>>()).await;
    run.reached("patients", last).await;
    // in vain at first
    clinic.ask("patients").await;
    eventually("it was tried", async || clinic.parked_by("patients").await.is_some_and(|parked| parked.attempts == 2 && !parked.is_asked)).await;
    assert_eq!((clinic.row_of(second).await, clinic.waiting("patients").await.len()), (Some(1), 10));

    clinic.alter(5).await;
    clinic.ask("patients").await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(second).await, Some(11));
    assert!(clinic.parked_by("history_lists").await.is_some(), "only what was asked for was tried");
    let last = clinic.tell(&deactivated(second)).await;
    run.reached("patients", last).await;
    assert_eq!((clinic.row_of(second).await, run.progress.states()["patients"].parked), (Some(12), 0));
    run.stop().await;
    clinic.assert_one_same_as_rebuilt("patients").await;
    assert_eq!(clinic.checkpoint("patients").await, last);
}

#[tokio::test]
async fn a_stream_goes_on_up_to_the_next_poison() {
    let (clinic, [_, second, _]) = poisoned().await;
    let last = clinic.tell_all(&[identifier_added(second, "2"), identifier_added(second, "3"), identifier_added(second, "4")]).await;
    clinic.alter(8).await;
    let run = clinic.project_with(settings());
    run.reached("patients", last).await;
    clinic.alter(5).await;
    clinic.ask("patients").await;
    eventually("it was tried", async || clinic.parked_by("patients").await.is_some_and(|parked| parked.position == 8)).await;
    assert_eq!((clinic.row_of(second).await, clinic.waiting("patients").await), (Some(3), vec![8, 9]));
}

#[tokio::test]
async fn what_is_left_out_stays_out_of_a_rebuild_as_long_as_it_is_poison() {
    let (clinic, [_, second, _]) = poisoned().await;
    let last = clinic.tell_all(&[identifier_added(second, "2"), identifier_added(second, "3")]).await;
    let run = clinic.project_with(settings());
    run.reached("patients", last).await;
    let poison = clinic.parked_by("patients").await.unwrap();
    let command = Uuid::new_v4();
    assert!(parked::skip(&clinic.writer, &poison, command).await.unwrap());
    clinic.ask("patients").await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(second).await, Some(4));
    assert!(!parked::skip(&clinic.writer, &poison, command).await.unwrap(), "it isn't parked any more");
    assert_eq!(clinic.count(&format!("journal.skipped where position = 5 and command_id = '{command}'")).await, 1);
    run.stop().await;
    clinic.assert_one_same_as_rebuilt("patients").await;

    clinic.alter(5).await;
    let before = clinic.digest(find("patients").unwrap()).await;
    let rebuilt = clinic.rebuild().run(find("patients").unwrap(), |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.not_compared, clinic.count("journal.skipped").await), (1, 0), "what can be taken is taken");
    assert_ne!(clinic.digest(find("patients").unwrap()).await, before);
    clinic.assert_one_same_as_rebuilt("patients").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_neither_loses_nor_doubles_what_waits() {
    let (clinic, patients) = poisoned().await;
    let second = patients[1];
    let mut last = 6;
    for round in 0..8_u64 {
        let run = clinic.project_with(settings());
        for patient in patients {
            last = clinic.tell(&identifier_added(patient, &format!("again {round}"))).await;
        }
        if round == 5 {
            for projection in ["patients", "history_lists"] {
                eventually("it is parked", async || clinic.parked_by(projection).await.is_some()).await;
            }
            clinic.alter(5).await;
            clinic.ask("patients").await;
        }
        tokio::time::sleep(Duration::from_millis(17 * round)).await;
        run.task.abort();
        let _ = run.task.await;
    }
    let run = clinic.project_with(settings());
    run.reached("patients", last).await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(second).await, Some(10));
    assert_eq!(clinic.count("journal.parked_events where consumer = 'patients'").await, 0);
    run.stop().await;
    clinic.assert_one_same_as_rebuilt("patients").await;
    let waiting = clinic.waiting("history_lists").await;
    assert_eq!((waiting.len(), waiting.is_sorted()), (9, true));
}

#[tokio::test]
async fn a_table_that_refuses_one_row_parks_that_stream() {
    let clinic = Clinic::new().await;
    let [sound, refused] = [(); 2].map(|()| Uuid::new_v4());
    clinic.execute(&format!("alter table read.patients add constraint not_this check (patient_id <> '{refused}' or sequence < 2)")).await;
    clinic
        .tell_all(&[registered(sound, "Curie"), registered(refused, "Meitner"), identifier_added(refused, "1"), identifier_added(sound, "1")])
        .await;
    let last = clinic.tell_all(&[identifier_added(refused, "2"), identifier_added(sound, "2")]).await;
    let run = clinic.project();
    run.reached("patients", last).await;
    assert_eq!((clinic.row_of(sound).await, clinic.row_of(refused).await), (Some(3), Some(1)));
    let parked = clinic.parked_by("patients").await.unwrap();
    assert_eq!((parked.aggregate_id, parked.position, parked.reason.as_str()), (refused, 3, "row refused"));
    assert_eq!(clinic.waiting("patients").await, [3, 5]);
    clinic.execute("alter table read.patients drop constraint not_this").await;
    clinic.ask("patients").await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(refused).await, Some(3));
    run.stop().await;
    clinic.assert_one_same_as_rebuilt("patients").await;
}

#[tokio::test]
async fn a_row_that_was_damaged_parks_its_stream_and_a_rebuild_cures_it() {
    let clinic = Clinic::new().await;
    let [sound, damaged] = [(); 2].map(|()| Uuid::new_v4());
    let last = clinic.tell_all(&[registered(sound, "Curie"), registered(damaged, "Meitner")]).await;
    let run = clinic.project();
    run.reached("patients", last).await;
    clinic
        .execute(&format!(
            "update read.patients set identifiers = set_byte(identifiers, 60, 255 - get_byte(identifiers, 60)) where patient_id = '{damaged}'"
        ))
        .await;
    let last = clinic.tell_all(&[identifier_added(damaged, "1"), identifier_added(sound, "1")]).await;
    run.reached("patients", last).await;
    assert_eq!(clinic.row_of(sound).await, Some(2));
    assert_eq!(clinic.parked_by("patients").await.map(|parked| (parked.aggregate_id, parked.reason)), Some((damaged, "row damaged".to_owned())));
    let rebuilt = clinic.rebuild().run(find("patients").unwrap(), |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.not_compared, rebuilt.parked), (1, 0));
    assert_eq!((clinic.row_of(damaged).await, clinic.parked().await), (Some(2), vec![]));
    let last = clinic.tell(&deactivated(damaged)).await;
    run.reached("patients", last).await;
    assert_eq!((clinic.row_of(damaged).await, run.progress.states()["patients"].parked), (Some(3), 0), "the running projector has noticed");
}

#[tokio::test]
async fn a_rebuild_parks_what_is_still_poison_and_nothing_else() {
    let (clinic, [_, second, third]) = poisoned().await;
    let last = clinic.tell_all(&[identifier_added(second, "2"), identifier_added(third, "2"), identifier_added(second, "3")]).await;
    let run = clinic.project_with(settings());
    run.reached("patients", last).await;
    let (waiting, patients) = (clinic.waiting("patients").await, find("patients").unwrap());
    let rebuilt = clinic.rebuild().run(patients, |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.parked, rebuilt.not_compared, rebuilt.digest), (1, 0, Some(clinic.digest(patients).await)));
    assert_eq!((clinic.waiting("patients").await, clinic.row_of(second).await), (waiting, Some(1)));
    let last = clinic.tell_all(&[identifier_added(second, "4"), identifier_added(third, "3")]).await;
    run.reached("patients", last).await;
    assert_eq!((clinic.waiting("patients").await.len(), clinic.row_of(third).await), (4, Some(4)));

    // damage elsewhere is still noticed
    clinic.execute(&format!("update read.patients set status = 'DEACTIVATED' where patient_id = '{third}'")).await;
    assert!(clinic.rebuild().run(patients, |_, _| {}).await.is_err());
    clinic.rebuild().replace(patients, |_, _| {}).await.unwrap();
    clinic.alter(5).await;
    let rebuilt = clinic.rebuild().run(patients, |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.parked, rebuilt.not_compared, clinic.row_of(second).await), (0, 1, Some(5)));
    assert!(clinic.parked_by("patients").await.is_none());
    let last = clinic.tell(&deactivated(second)).await;
    run.reached("patients", last).await;
    assert_eq!(clinic.row_of(second).await, Some(6));
    clinic.assert_one_same_as_rebuilt("patients").await;
}

#[tokio::test]
async fn a_rebuild_parks_what_its_table_refuses_as_the_live_projector_does() {
    let clinic = Clinic::new().await;
    let [sound, refused] = [(); 2].map(|()| Uuid::new_v4());
    let told: Vec<_> = (0..30).map(|number| identifier_added(if number % 2 == 0 { sound } else { refused }, &number.to_string())).collect();
    clinic.tell_all(&[registered(sound, "Curie"), registered(refused, "Meitner")]).await;
    let last = clinic.tell_all(&told).await;
    // every table of that name, the one being built among them
    clinic
        .execute(&format!(
            "create function public.refuse() returns event_trigger language plpgsql as $$ declare being_built name; begin
                 select oid::regclass into being_built from pg_class where relname = 'patients' and relnamespace::regnamespace::text like 'read\\_%'
                     and not exists (select from pg_constraint where conrelid = pg_class.oid and conname = 'not_this');
                 if found then
                     execute 'alter table ' || being_built || $c$ add constraint not_this check (patient_id <> '{refused}' or sequence < 5)$c$;
                 end if;
             end $$;
             create event trigger refuse on ddl_command_end when tag in ('CREATE TABLE') execute function public.refuse();
             alter table read.patients add constraint not_this check (patient_id <> '{refused}' or sequence < 5)"
        ))
        .await;
    let run = clinic.project();
    run.reached("patients", last).await;
    let (waiting, live) = (clinic.waiting("patients").await, clinic.digest(find("patients").unwrap()).await);
    assert_eq!((clinic.row_of(refused).await, waiting.len()), (Some(4), 12));
    run.stop().await;
    let rebuilt = clinic.rebuild().run(find("patients").unwrap(), |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.digest, rebuilt.parked, rebuilt.not_compared), (Some(live), 1, 0));
    assert_eq!(clinic.waiting("patients").await, waiting);
}

#[tokio::test]
async fn what_decides_access_stands_still_until_it_is_mended() {
    let clinic = Clinic::new().await;
    let (patient, consent) = (Uuid::new_v4(), Uuid::new_v4());
    clinic.tell_all(&[registered(patient, "Curie"), consent_granted(consent, patient, Uuid::new_v4()), consent_revoked(consent, patient)]).await;
    let last = clinic.tell(&consent_granted(Uuid::new_v4(), patient, Uuid::new_v4())).await;
    clinic.alter(3).await;
    let run = clinic.project_with(settings());
    run.reached("patients", last).await;
    wait_until_stopped(&run, "consents").await;
    assert_eq!((clinic.checkpoint("consents").await, clinic.count("read.consents").await), (2, 1));
    let noted = clinic.parked_by("consents").await.unwrap();
    assert_eq!((noted.position, noted.stands_still, noted.reason.as_str()), (3, true, "altered"));
    clinic.ask("consents").await;
    eventually("it was tried", async || clinic.parked_by("consents").await.is_some_and(|parked| parked.attempts == 2 && !parked.is_asked)).await;
    wait_until_stopped(&run, "consents").await;

    clinic.alter(3).await;
    clinic.ask("consents").await;
    goes_on(&run, "consents", last).await;
    assert_eq!((clinic.parked_by("consents").await, clinic.count("read.consents where status = 'REVOKED'").await), (None, 1));
    clinic.ask("audit_logs").await;
    clinic.ask("compliance_logs").await;
    goes_on(&run, "audit_logs", last).await;
    goes_on(&run, "compliance_logs", last).await;
    assert_eq!((clinic.count("audit.audit_logs").await, clinic.parked().await), (4, vec![]));
    assert!(run.progress.is_well());
}

#[tokio::test]
async fn the_audit_log_goes_on_without_an_event_only_when_somebody_says_so() {
    let (clinic, _) = poisoned().await;
    let run = clinic.project_with(settings());
    wait_until_stopped(&run, "audit_logs").await;
    assert_eq!(clinic.count("audit.audit_logs").await, 4);
    assert!(clinic.rebuild().run(find("audit_logs").unwrap(), |_, _| {}).await.is_ok(), "up to where it stands");
    let noted = clinic.parked_by("audit_logs").await.unwrap();
    assert!(parked::skip(&clinic.writer, &noted, Uuid::new_v4()).await.unwrap());
    clinic.ask("audit_logs").await;
    goes_on(&run, "audit_logs", 6).await;
    assert_eq!((clinic.count("audit.audit_logs").await, clinic.parked_by("audit_logs").await), (5, None));
    run.stop().await;
    clinic.assert_one_same_as_rebuilt("audit_logs").await;
}

#[tokio::test]
async fn what_is_not_about_an_event_parks_nothing() {
    let clinic = Clinic::new().await;
    let run = clinic.project_with(settings());
    let patient = Uuid::new_v4();
    run.reached("patients", clinic.tell(&registered(patient, "Curie")).await).await;
    // a right that is missing, a server that fails, connections that are cut, a table that is locked
    clinic
        .execute("create function public.fail() returns trigger language plpgsql as $$ begin raise exception 'away' using errcode = '53100'; end $$")
        .await;
    clinic.execute("create trigger fail before insert or update on read.patients for each row execute function public.fail()").await;
    let last = clinic.tell_all(&[identifier_added(patient, "1"), identifier_added(patient, "2")]).await;
    eventually("it waits", async || matches!(run.progress.states()["patients"].status, Status::Waiting { .. })).await;
    for _ in 0..5 {
        clinic.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'anamnesis_projector'").await;
        tokio::time::sleep(QUICK).await;
    }
    assert_eq!(clinic.parked().await, vec![]);
    clinic.execute("drop trigger fail on read.patients").await;
    run.reached("patients", last).await;
    assert_eq!((clinic.row_of(patient).await, clinic.parked().await), (Some(3), vec![]));

    clinic.execute("revoke update on read.patients from anamnesis_projector").await;
    clinic.tell(&identifier_added(patient, "3")).await;
    wait_until_stopped(&run, "patients").await;
    assert_eq!((clinic.parked().await, clinic.checkpoint("patients").await), (vec![], last));
}

#[tokio::test]
async fn keys_that_cannot_be_looked_up_park_nothing() {
    let mut clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    let last = clinic.tell_all(&[registered(patient, "Curie"), identifier_added(patient, "1")]).await;
    clinic.vault = clinic.fresh_vault().await;
    clinic.execute("alter table journal.keys rename to keys_away").await;
    let run = clinic.project_with(settings());
    eventually("it waits", async || matches!(run.progress.states()["patients"].status, Status::Waiting { .. })).await;
    assert_eq!(clinic.parked().await, vec![]);
    clinic.execute("alter table journal.keys_away rename to keys").await;
    run.reached("patients", last).await;
    assert_eq!((clinic.row_of(patient).await, clinic.parked().await), (Some(2), vec![]));
}

#[tokio::test]
async fn an_erased_event_is_no_poison_and_an_erasure_frees_what_was_parked() {
    let (mut clinic, [_, second, _]) = poisoned().await;
    let run = clinic.project_with(settings());
    run.reached("patients", 6).await;
    run.stop().await;
    clinic.alter(5).await;
    clinic.destroy_keys(second).await;
    clinic.vault = clinic.fresh_vault().await;
    let run = clinic.project_with(settings());
    clinic.ask("patients").await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    run.stop().await;
    assert_eq!(clinic.count("journal.parked_events where consumer = 'patients'").await, 0);
}

#[tokio::test]
async fn more_than_can_be_poison_stops_the_projection() {
    let clinic = Clinic::new().await;
    clinic.tell_all(&(0..6).map(|_| registered(Uuid::new_v4(), "Curie")).collect::<Vec<_>>()).await;
    clinic.execute("alter table read.patients add constraint no_more check (false)").await;
    let run = clinic.project_with(ProjectorSettings { most_parked: 5, batch: 100, ..settings() });
    wait_until_stopped(&run, "patients").await;
    assert_eq!((clinic.parked_by("patients").await, clinic.checkpoint("patients").await), (None, 0));
}

#[test]
fn what_decides_access_and_what_was_done_never_parks() {
    for projection in ALL {
        let expected = match projection.name {
            // a legal hold that was passed over would let data be erased
            "accounts" | "compliance" | "consents" => AtPoison::StandsStillForGood,
            "audit_logs" | "data_access_logs" | "compliance_logs" => AtPoison::StandsStill,
            _ => AtPoison::ParksTheStream,
        };
        assert_eq!(projection.at_poison(), expected, "{}", projection.name);
    }
}
