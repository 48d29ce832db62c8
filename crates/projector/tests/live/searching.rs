//! Is a record found by its words, by an index, and by nobody who may not see it?

use anamnesis_domain::Instant;
use anamnesis_domain::record::{RecordAmended, RecordCreated, RecordEvent, RecordStatus};
use anamnesis_projections::ALL;
use anamnesis_projections::normal::search_words;
use anamnesis_projections::records::words::RecordWordsRow;
use anamnesis_projections::records::{RECORDS, RecordRow};
use anamnesis_projections::words::{Kind, array, word_token};
use anamnesis_projector::forget_subject;
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::{self, Scope};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::support::{Clinic, Told};

fn wrote(record: Uuid, patient: Uuid, version: u16, notes: &str) -> Told {
    let said = serde_json::from_value(json!({
        "patient_id": patient, "record_type": "CLINICAL_NOTE", "record_date": "2026-01-01T00:00:00Z", "title": "Round", "notes": notes,
    }));
    let (said, at) = (Box::new(said.unwrap()), Instant::from_micros(1));
    let event: RecordEvent = if version == 1 {
        RecordCreated { record: said, status: RecordStatus::Completed, created_at: at }.into()
    } else {
        RecordAmended { version, record: said, reason: "again".try_into().unwrap(), amended_at: at }.into()
    };
    Told::of("record", record, patient, event)
}

impl Clinic {
    async fn tokens(&self, text: &str) -> Vec<i64> {
        let keys = self.vault.index(self.organization).await.unwrap();
        search_words(text).map(|word| word_token::<RecordWordsRow>(&keys, Kind::Text, &word)).collect()
    }

    async fn found(&self, scope: Scope, organization: Uuid, text: &str) -> Vec<Uuid> {
        let mut tx = read::begin(&self.reader, ALL, organization, scope).await.unwrap();
        let query = Query::new(Order::oldest_first("created_at"), 50).worded_beside::<RecordWordsRow>(self.tokens(text).await);
        assert!(!format!("{query:?}").contains('-'), "no hash is in what is logged");
        query.read::<RecordRow>(&mut tx, organization).await.unwrap().rows.iter().map(|row| row.row.record_id.0).collect()
    }
}

#[tokio::test]
async fn a_record_is_found_by_its_newest_words_until_its_patient_is_erased() {
    let mut clinic = Clinic::new().await;
    let [ann, bob] = [Uuid::now_v7(), Uuid::now_v7()];
    let [first, second, third] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    clinic
        .tell_all(&[
            wrote(first, ann, 1, "Suspected sépsis, moved to the ward"),
            wrote(second, bob, 1, "Sepsis ruled out"),
            wrote(third, ann, 1, "Sleeps well"),
            wrote(third, ann, 2, "Sleeps badly; nursing WARD informed"),
        ])
        .await;
    clinic.project_all().await;
    let (staff, here) = (Scope::Staff, clinic.organization);
    for (words, found) in [
        ("sepsis", vec![first, second]),
        ("SEPSIS ward", vec![first]),
        ("ward", vec![first, third]),
        ("well", vec![]),
        ("round", vec![first, second, third]),
        ("war", vec![]),
    ] {
        assert_eq!(clinic.found(staff, here, words).await, found, "{words}");
    }
    let as_bob = Scope::Patient { patient_id: bob, account_id: Uuid::now_v7() };
    assert_eq!(clinic.found(as_bob, here, "sepsis").await, [second], "a patient finds their own");
    assert_eq!(clinic.found(staff, Uuid::now_v7(), "sepsis").await, Vec::<Uuid>::new(), "nor does another house find any");

    let mut tx = read::begin(&clinic.reader, ALL, here, staff).await.unwrap();
    let listed: i64 = sqlx::query_scalar("select count(*) from read.record_words").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(listed, 0, "who asks for no words sees no hashes");
    drop(tx);

    clinic.destroy_keys(ann).await;
    clinic.vault = clinic.fresh_vault().await;
    forget_subject(&clinic.projector, ALL, here, ann).await.unwrap();
    assert_eq!(clinic.found(staff, here, "sepsis").await, [second]);
    assert_eq!(clinic.count("read.record_words").await, 1);
    clinic.rebuild().run(&RECORDS, |_, _| {}).await.unwrap();
    assert_eq!(clinic.count("read.record_words").await, 1, "nor does a rebuild bring them back");
    assert_eq!(clinic.found(staff, here, "sepsis").await, [second]);
}

/// Behind row-level security, and among many.
#[tokio::test]
async fn words_are_looked_up_in_an_index() {
    let clinic = Clinic::new().await;
    let stamp = "organization_id, subject_id, position, sequence, created_at, updated_at, record_id";
    let each = format!(
        "'{}', gen_random_uuid(), n, 1, to_timestamp(n), to_timestamp(n), ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid",
        clinic.organization
    );
    clinic
        .execute(&format!(
            "insert into read.record_words ({stamp}, word_tokens) select {each}, array[n % 5000, -1, n % 7 - 9] from generate_series(1, 20000) as n;
             insert into read.medical_records ({stamp}, patient_id, record_type, status, is_entered_in_error, record_date, codes, title, version, signed_by,
                 summary_types, attachments, written_at)
             select {each}, gen_random_uuid(), 'OTHER', 'COMPLETED', false, to_timestamp(n), '{{}}', '', 1, '{{}}', '{{}}', '{{}}', to_timestamp(n)
             from generate_series(1, 20000) as n;
             analyze read.record_words;
             analyze read.medical_records"
        ))
        .await;
    let mut tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    sqlx::query("select set_config('anamnesis.words', $1, true)").bind(array(&[17, -1])).execute(&mut *tx).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select record_id from read.medical_records where organization_id = current_setting('anamnesis.organization_id')::uuid
             and (record_id) in (select record_id from read.record_words)
         order by created_at, record_id limit 51",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("record_words_by_token") && !plan.contains("Seq Scan"), "{plan}");
}

async fn explained(tx: &mut PgConnection, asked: &str) -> String {
    let lines: Vec<String> = sqlx::query_scalar(&format!("explain select position from read.{asked}")).fetch_all(tx).await.unwrap();
    lines.join("\n")
}

/// Behind row-level security, and among many: what has a document, is rated, or is found by a name, a number, a language.
#[tokio::test]
async fn documents_words_and_ratings_are_looked_up_in_an_index() {
    let clinic = Clinic::new().await;
    let stamp = "organization_id, subject_id, position, sequence, created_at, updated_at";
    let (here, id) = (clinic.organization, "('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid");
    let each = format!("'{here}', gen_random_uuid(), n, 1, to_timestamp(n), to_timestamp(n), {id}");
    clinic
        .execute(&format!(
            "insert into read.record_documents ({stamp}, record_id, document_id) select {each}, {id} from generate_series(1, 20000) as n;
             insert into read.providers ({stamp}, provider_id, status, provider_number, provider_number_index, name, found_by, specialties,
                 rating_hundredths, total_reviews, total_stars, is_verified, registered_at)
             select {each}, 'ACTIVE', '', '', '', array[n % 5000], '{{}}', n % 500, 0, 0, false, to_timestamp(n) from generate_series(1, 20000) as n;
             insert into read.patients ({stamp}, patient_id, status, patient_number, patient_number_index, demographics, found_by,
                 assigned_providers, registered_at, duplicates)
             select {each}, 'ACTIVE', '', '', '', array[n % 5000, -1], '{{}}', to_timestamp(n), '{{}}' from generate_series(1, 20000) as n;
             analyze read.record_documents;
             analyze read.providers;
             analyze read.patients"
        ))
        .await;
    let mut tx = read::begin(&clinic.reader, ALL, here, Scope::Staff).await.unwrap();
    let ours = "organization_id = current_setting('anamnesis.organization_id')::uuid";
    for (index, asked) in [
        ("record_documents_by_document", format!("record_documents where {ours} and document_id = '00000000-0000-0000-0000-000000000007'")),
        (
            "providers_by_rating",
            format!("providers where {ours} and rating_hundredths >= 450 order by rating_hundredths desc, provider_id desc limit 51"),
        ),
    ] {
        let plan = explained(&mut tx, &asked).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{plan}");
    }
    sqlx::query("select set_config('anamnesis.words', '{17}', true)").execute(&mut *tx).await.unwrap();
    for (table, key) in [("providers", "provider_id"), ("patients", "patient_id")] {
        let plan = explained(&mut tx, &format!("{table} where {ours} order by created_at + interval '0', {key} limit 51")).await;
        assert!(plan.contains(&format!("{table}_by_token")) && !plan.contains("Seq Scan"), "{plan}");
    }
}
