//! Does every subject get one key, and nobody a key that is gone? On real Postgres.
#![allow(clippy::unwrap_used, missing_docs, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "nobody stops waiting for a test's own transaction")]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use anamnesis_vault::{
    CacheContext, Context, KeyFilter, KeyName, KeyOwner, KeyProvider, KeyState, OpenError, Opened, ProviderError, Purpose, Secret, Vault, VaultError,
    VaultSettings,
};
use sqlx::{PgConnection, PgPool};
use support::TestDatabase;
use tokio::task::JoinSet;
use uuid::Uuid;

fn id() -> Uuid {
    Uuid::now_v7()
}

fn somewhere() -> Context {
    let nil = Uuid::nil();
    Context::cache(&CacheContext { organization: nil, cache: "test", key: b"entry", subject: nil })
}

/// Asks for each key by itself and at the same time; the answers sorted by owner.
async fn keys_of(vault: &Vault, owners: &[KeyOwner]) -> Vec<(KeyOwner, Uuid)> {
    let mut asking = JoinSet::new();
    for owner in owners.iter().copied() {
        let vault = vault.clone();
        asking.spawn(async move { (owner, vault.key(owner).await.unwrap().id()) });
    }
    let mut keys = asking.join_all().await;
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_subject_keeps_its_key_and_another_process_opens_what_was_sealed_under_it() {
    let database = TestDatabase::create().await;
    let owner = KeyOwner::data(id(), id());
    let key = database.vault().await.key(owner).await.unwrap();
    let sealed = key.seal(&somewhere(), b"findings");

    let other = database.vault().await;
    assert_eq!(other.key(owner).await.unwrap().id(), key.id());
    let keys = database.vault().await.open_keys(&[sealed.key_id(), sealed.key_id()]).await.unwrap();
    assert_eq!(keys.open(&somewhere(), &sealed).unwrap().value().unwrap().as_slice(), b"findings");
    assert_eq!(keys.get(key.id()).unwrap().owner(), owner);
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_make_the_same_subjects_keys_at_once_end_with_one_key_each() {
    let database = TestDatabase::create().await;
    let organization = id();
    let mut owners: Vec<_> = (0..60).map(|_| KeyOwner::data(organization, id())).collect();
    let vaults = [database.vault().await, database.vault().await, database.vault().await];
    let mut racing = JoinSet::new();
    for vault in vaults {
        owners.rotate_left(20);
        let owners = owners.clone();
        racing.spawn(async move { keys_of(&vault, &owners).await });
    }
    let answers: HashSet<_> = racing.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1, "every process names the same keys");
    assert_eq!(database.count("select count(*) from journal.keys").await, 60);
    database.drop().await;
}

#[tokio::test]
async fn whoever_commits_first_makes_the_key_and_who_waited_takes_it() {
    let database = TestDatabase::create().await;
    for the_other_commits in [true, false] {
        let owners = [KeyOwner::data(id(), id()), KeyOwner::data(id(), id())];
        let mut other = database.superuser.begin().await.unwrap();
        let others = insert_key(&database, &mut other, owners[1], 1).await;
        let vault = database.vault().await;
        let asking = tokio::spawn(async move { vault.keys(&owners).await.unwrap() });
        until_somebody_waits(&database).await;
        if the_other_commits { other.commit().await } else { other.rollback().await }.unwrap();

        let keys = asking.await.unwrap();
        assert_eq!(keys[1].id() == others, the_other_commits);
        let again = database.vault().await.keys(&owners).await.unwrap();
        assert!(keys.iter().zip(&again).all(|(key, again)| key.id() == again.id()));
    }
    database.drop().await;
}

#[tokio::test]
async fn commands_on_new_subjects_share_a_few_statements() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let owners: Vec<_> = (0..200).map(|_| KeyOwner::data(id(), id())).collect();
    let keys = keys_of(&vault, &owners).await;
    assert_eq!(keys.iter().map(|(_, key)| key).collect::<HashSet<_>>().len(), 200);
    let transactions = database.count("select count(distinct xmin::text) from journal.keys").await;
    assert!(transactions <= 5, "200 keys took {transactions} transactions");
    database.drop().await;
}

#[tokio::test]
async fn many_keys_come_in_the_order_they_were_asked_for() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let (organization, subject) = (id(), id());
    let mut owners: Vec<_> = (0..2_500).map(|_| KeyOwner::data(organization, id())).collect();
    owners.push(KeyOwner { organization, subject, purpose: Purpose::Digest });
    owners.push(owners[0]);
    let keys = vault.keys(&owners).await.unwrap();
    assert_eq!(keys.iter().map(anamnesis_vault::DataKey::owner).collect::<Vec<_>>(), owners);
    assert_eq!(keys[0].id(), keys.last().unwrap().id());
    assert_eq!(vault.keys(&[]).await.unwrap().len(), 0);
    database.drop().await;
}

#[tokio::test]
async fn keys_of_one_subject_differ_by_purpose() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let (organization, subject) = (id(), id());
    let purposes = [Purpose::Data, Purpose::Digest, Purpose::Cache, Purpose::Object, Purpose::Backup];
    let owners = purposes.map(|purpose| KeyOwner { organization, subject, purpose });
    let keys: HashSet<_> = vault.keys(&owners).await.unwrap().iter().map(anamnesis_vault::DataKey::id).collect();
    assert_eq!(keys.len(), purposes.len());
    database.drop().await;
}

#[tokio::test]
async fn a_fenced_or_destroyed_subject_gets_no_key_and_reads_as_erased() {
    for change in ["state = 'fenced'", "state = 'destroyed', wraps = '{}'"] {
        let database = TestDatabase::create().await;
        let owner = KeyOwner::data(id(), id());
        let bystander = KeyOwner::data(owner.organization, id());
        let before = database.vault().await;
        let sealed = before.key(owner).await.unwrap().seal(&somewhere(), b"findings");
        before.key(bystander).await.unwrap();
        database.as_superuser(&format!("update journal.keys set {change} where subject_id = '{}'", owner.subject)).await.unwrap();

        let vault = database.vault().await;
        let refused = vault.key(owner).await.unwrap_err();
        assert!(matches!(refused, VaultError::Erased { subject } if subject == owner.subject), "{refused:?}");
        assert!(vault.key(bystander).await.is_ok(), "nobody else is erased");
        assert!(vault.keys(&[bystander, owner]).await.is_err());
        let keys = vault.open_keys(&[sealed.key_id()]).await.unwrap();
        assert!(keys.get(sealed.key_id()).is_none());
        assert_eq!(keys.open(&somewhere(), &sealed), Ok(Opened::Erased));
        assert_eq!(database.count("select count(*) from journal.keys").await, 2, "no new key was made");
        database.drop().await;
    }
}

#[tokio::test]
async fn a_retired_key_opens_and_its_successor_seals() {
    let database = TestDatabase::create().await;
    let owner = KeyOwner::data(id(), id());
    let old = database.vault().await.key(owner).await.unwrap();
    let sealed = old.seal(&somewhere(), b"findings");
    rotate(&database, owner, &database.vault().await).await;

    let vault = database.vault().await;
    let new = vault.key(owner).await.unwrap();
    assert_eq!((new.version(), new.id() == old.id()), (2, false));
    let keys = vault.open_keys(&[old.id(), new.id()]).await.unwrap();
    assert_eq!(keys.open(&somewhere(), &sealed).unwrap().value().unwrap().as_slice(), b"findings");
    assert!(vault.open_keys(&[old.id()]).await.unwrap().get(old.id()).is_some(), "from memory as well");
    database.drop().await;
}

#[tokio::test]
async fn a_key_that_a_crashed_server_lost_is_made_anew_once_it_is_forgotten() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let owner = KeyOwner::data(id(), id());
    let lost = vault.key(owner).await.unwrap().id();
    database.as_superuser("alter table journal.keys disable trigger all; delete from journal.keys").await.unwrap();
    assert_eq!(vault.key(owner).await.unwrap().id(), lost, "it is still in memory");

    vault.forget(lost);
    let found = vault.key(owner).await.unwrap().id();
    assert_ne!(found, lost);
    assert_eq!(database.vault().await.key(owner).await.unwrap().id(), found);
    database.drop().await;
}

#[tokio::test]
async fn an_opened_key_is_kept_for_a_time_only() {
    let database = TestDatabase::create().await;
    let cached_for = Duration::from_millis(300);
    let vault = database.vault_with(VaultSettings { cached_for, ..VaultSettings::default() }).await;
    let owner = KeyOwner::data(id(), id());
    let key = vault.key(owner).await.unwrap();
    assert_eq!(vault.cached_keys(), 1);
    database.as_superuser("update journal.keys set state = 'fenced'").await.unwrap();
    tokio::time::sleep(cached_for * 2).await;
    assert!(matches!(vault.key(owner).await, Err(VaultError::Erased { .. })));
    assert!(vault.open_keys(&[key.id()]).await.unwrap().get(key.id()).is_none());
    assert_eq!(vault.cached_keys(), 0);
    database.drop().await;
}

#[tokio::test]
async fn only_so_many_opened_keys_are_kept() {
    let database = TestDatabase::create().await;
    let vault = database.vault_with(VaultSettings { cached_keys: 10, ..VaultSettings::default() }).await;
    let owners: Vec<_> = (0..100).map(|_| KeyOwner::data(id(), id())).collect();
    let keys = vault.keys(&owners).await.unwrap();
    assert!(vault.cached_keys() <= 10, "{} are kept", vault.cached_keys());
    let again = vault.keys(&owners).await.unwrap();
    assert!(keys.iter().zip(&again).all(|(key, again)| key.id() == again.id()), "the others are read anew");
    database.drop().await;
}

#[tokio::test]
async fn keys_that_came_back_outlive_those_that_came_once() {
    let database = TestDatabase::create().await;
    let vault = database.vault_with(VaultSettings { cached_keys: 100, ..VaultSettings::default() }).await;
    let regulars: Vec<_> = (0..50).map(|_| KeyOwner::data(id(), id())).collect();
    vault.keys(&regulars).await.unwrap();
    vault.keys(&regulars).await.unwrap();
    for _ in 0..5 {
        let passers_by: Vec<_> = (0..100).map(|_| KeyOwner::data(id(), id())).collect();
        vault.keys(&passers_by).await.unwrap();
    }
    database.as_superuser("update journal.keys set state = 'fenced'").await.unwrap();
    assert_eq!(vault.keys(&regulars).await.unwrap().len(), 50, "from memory, all of them");
    let more: Vec<_> = (0..100).map(|_| KeyOwner::data(id(), id())).collect();
    for _ in 0..2 {
        vault.keys(&more).await.unwrap();
    }
    assert!(vault.keys(&regulars).await.is_err(), "those who come back push each other out");
    assert!(vault.cached_keys() <= 100, "{} are kept", vault.cached_keys());
    database.drop().await;
}

#[tokio::test]
async fn readers_of_few_keys_share_statements_and_hear_each_their_own() {
    let database = TestDatabase::create().await;
    let (vault, other) = (database.vault().await, database.vault().await);
    let owners: Vec<_> = (0..100).map(|_| KeyOwner::data(id(), id())).collect();
    let keys = vault.keys(&owners).await.unwrap();
    database.as_superuser(&format!("update journal.keys set state = 'fenced' where key_id = '{}'", keys[7].id())).await.unwrap();
    let mut asking = JoinSet::new();
    for key in &keys {
        let (other, ids) = (other.clone(), [key.id(), id()]);
        asking.spawn(async move { other.open_keys(&ids).await.unwrap().get(ids[0]).map(|key| key.id() == ids[0]) });
    }
    let found = asking.join_all().await;
    assert_eq!(found.iter().filter(|found| **found == Some(true)).count(), 99);
    assert_eq!(found.iter().filter(|found| found.is_none()).count(), 1);
    database.drop().await;
}

#[tokio::test]
async fn who_passes_over_everything_has_a_memory_of_its_own() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let owners: Vec<_> = (0..100).map(|_| KeyOwner::data(id(), id())).collect();
    let keys = vault.keys(&owners).await.unwrap();
    let apart = vault.apart(10);
    for (owner, key) in owners.iter().zip(&keys) {
        assert!(apart.open_keys(&[key.id()]).await.unwrap().get(key.id()).is_some());
        assert_eq!(apart.key(*owner).await.unwrap().id(), key.id());
        assert!(apart.cached_keys() <= 10, "{} are kept", apart.cached_keys());
    }
    assert_eq!(vault.cached_keys(), 100, "the others still find theirs");
    database.drop().await;
}

#[tokio::test]
async fn who_opens_what_was_sealed_has_the_key_that_seals() {
    let database = TestDatabase::create().await;
    let (owner, rotated) = (KeyOwner::data(id(), id()), KeyOwner::data(id(), id()));
    let maker = database.vault().await;
    let (key, old) = (maker.key(owner).await.unwrap(), maker.key(rotated).await.unwrap());
    rotate(&database, rotated, &maker).await;
    let reader = database.vault().await;
    reader.open_keys(&[key.id(), old.id()]).await.unwrap();
    database.as_superuser("alter table journal.keys rename to elsewhere").await.unwrap();
    assert_eq!(reader.key(owner).await.unwrap().id(), key.id(), "without asking again");
    assert!(reader.key(rotated).await.is_err(), "a retired key isn't taken for it");
    database.drop().await;
}

#[tokio::test]
async fn another_keyring_is_noticed_before_it_wraps_anything() {
    let database = TestDatabase::create().await;
    database.vault().await.key(KeyOwner::data(id(), id())).await.unwrap();
    let opened = Vault::open(database.writer(1).await, database.keyring("another.toml"), VaultSettings::default()).await;
    assert!(matches!(opened, Err(VaultError::Provider(ProviderError::UnknownWrappingKey(_)))), "{opened:?}");
    database.drop().await;
}

#[tokio::test]
async fn a_wrap_moved_to_another_key_opens_neither_that_key_nor_stops_the_others() {
    let database = TestDatabase::create().await;
    let owners: Vec<_> = (0..3).map(|_| KeyOwner::data(id(), id())).collect();
    let keys = database.vault().await.keys(&owners).await.unwrap();
    let sealed = keys[1].seal(&somewhere(), b"findings");
    let vault = database.vault().await;
    database
        .as_superuser(&format!(
            "update journal.keys set wraps = (select wraps from journal.keys where key_id = '{}') where key_id = '{}'",
            keys[0].id(),
            keys[1].id()
        ))
        .await
        .unwrap();

    let read = vault.open_keys(&[keys[0].id(), keys[1].id(), keys[2].id(), id()]).await.unwrap();
    assert!(read.get(keys[0].id()).is_some() && read.get(keys[2].id()).is_some());
    assert_eq!(read.open(&somewhere(), &sealed), Err(OpenError::NoKey(keys[1].id())), "damaged is not erased");
    let refused = vault.key(owners[1]).await.unwrap_err();
    assert!(matches!(refused, VaultError::Provider(ProviderError::WrapRefused(_))), "{refused:?}");
    database.drop().await;
}

#[tokio::test]
async fn an_unknown_key_is_not_taken_for_an_erased_one() {
    let database = TestDatabase::create().await;
    let key = database.vault().await.key(KeyOwner::data(id(), id())).await.unwrap();
    let sealed = key.seal(&somewhere(), b"findings");
    let empty = TestDatabase::create().await;
    let keys = empty.vault().await.open_keys(&[key.id()]).await.unwrap();
    assert_eq!(keys.open(&somewhere(), &sealed), Err(OpenError::NoKey(key.id())));
    database.drop().await;
    empty.drop().await;
}

#[tokio::test]
async fn index_keys_agree_between_processes_and_differ_between_organizations() {
    let database = TestDatabase::create().await;
    let organization = id();
    let one = database.vault().await.index(organization).await.unwrap();
    let two = database.vault().await.index(organization).await.unwrap();
    let other = database.vault().await.index(id()).await.unwrap();
    assert_eq!(one.claim("patient-number", "1"), two.claim("patient-number", "1"));
    assert_ne!(one.claim("patient-number", "1"), other.claim("patient-number", "1"));
    assert_ne!(one.claim("patient-number", "1"), one.claim("provider-number", "1"));
    assert_eq!(one.blind("patients.email", "a@b"), two.blind("patients.email", "a@b"));
    assert_eq!(one.command_id("s", "Patient", "1"), two.command_id("s", "Patient", "1"));
    assert_ne!(one.command_id("s", "Patient", "1"), other.command_id("s", "Patient", "1"));
    database.drop().await;
}

#[tokio::test]
async fn an_import_stays_known_when_the_index_key_is_rotated() {
    let database = TestDatabase::create().await;
    let organization = id();
    let before = database.vault().await.index(organization).await.unwrap();
    let owner = KeyOwner::organization(organization, Purpose::Index);
    rotate(&database, owner, &database.vault().await).await;
    let after = database.vault().await.index(organization).await.unwrap();
    assert_eq!((before.version(), after.version()), (1, 2));
    assert_ne!(before.claim("patient-number", "1"), after.claim("patient-number", "1"));
    assert_eq!(before.command_id("s", "Patient", "1"), after.command_id("s", "Patient", "1"));
    database.drop().await;
}

#[tokio::test]
async fn the_list_tells_everything_but_the_key() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let organization = id();
    let owners: Vec<_> = (0..5).map(|_| KeyOwner::data(organization, id())).collect();
    vault.keys(&owners).await.unwrap();
    vault.key(KeyOwner::data(id(), id())).await.unwrap();

    let mut filter = KeyFilter { organization: Some(organization), limit: 3, ..KeyFilter::default() };
    let first = vault.list(&filter).await.unwrap();
    filter.after = first.last().map(|key| key.key_id);
    let second = vault.list(&filter).await.unwrap();
    assert_eq!((first.len(), second.len()), (3, 2));
    let subjects: HashSet<_> = first.iter().chain(&second).map(|key| key.owner.subject).collect();
    assert_eq!(subjects, owners.iter().map(|owner| owner.subject).collect());
    assert!(first.iter().all(|key| key.state == KeyState::Active && key.version == 1));
    assert!(first.iter().all(|key| key.providers == ["keyring:local"] && key.epochs == [1]));

    let one = KeyFilter { subject: Some(owners[4].subject), ..KeyFilter::default() };
    assert_eq!(vault.list(&one).await.unwrap()[0].owner, owners[4]);
    database.drop().await;
}

#[tokio::test]
async fn key_rows_only_age_and_are_never_deleted() {
    let database = TestDatabase::create().await;
    database.vault().await.key(KeyOwner::data(id(), id())).await.unwrap();
    let writer = database.writer(1).await;
    for sql in ["update journal.keys set state = 'retired'", "delete from journal.keys", "truncate journal.keys"] {
        assert!(refusal(&writer, sql).await.contains("permission denied"), "{sql}");
    }
    for sql in ["delete from journal.keys", "truncate journal.keys"] {
        assert!(refusal(&database.superuser, sql).await.contains("never deleted"), "{sql}");
    }
    database.as_superuser("update journal.keys set state = 'fenced'").await.unwrap();
    for sql in ["state = 'active'", "state = 'retired'", "subject_id = gen_random_uuid()", "version = 2"] {
        let sql = format!("update journal.keys set {sql}");
        assert!(refusal(&database.superuser, &sql).await.contains("cannot"), "{sql}");
    }
    let destroyed = refusal(&database.superuser, "update journal.keys set state = 'destroyed'").await;
    assert!(destroyed.contains("keys_destroyed_have_no_wrap"), "{destroyed}");
    database.drop().await;
}

#[tokio::test]
async fn an_auditor_sees_who_has_which_keys_and_no_wrap() {
    let database = TestDatabase::create().await;
    database.vault().await.key(KeyOwner::data(id(), id())).await.unwrap();
    let mut connection = database.superuser.acquire().await.unwrap();
    sqlx::raw_sql("set role anamnesis_auditor").execute(&mut *connection).await.unwrap();
    assert!(sqlx::query("select key_id, state from journal.keys").fetch_one(&mut *connection).await.is_ok());
    assert!(sqlx::query("select wraps from journal.keys").fetch_one(&mut *connection).await.is_err());
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn making_keys_leaves_the_connection_as_it_was() {
    let database = TestDatabase::create().await;
    let pool = database.writer(1).await;
    let vault = Vault::open(pool.clone(), database.keyring("keyring.toml"), VaultSettings::default()).await.unwrap();
    vault.key(KeyOwner::data(id(), id())).await.unwrap();
    let setting: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&pool).await.unwrap();
    assert_eq!(setting, "on");
    database.drop().await;
}

#[tokio::test]
async fn without_a_database_there_is_an_error_and_later_a_key_again() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let (known, new) = (KeyOwner::data(id(), id()), KeyOwner::data(id(), id()));
    vault.key(known).await.unwrap();
    database.as_superuser("alter table journal.keys rename to elsewhere").await.unwrap();
    assert!(vault.key(known).await.is_ok(), "from memory");
    assert!(matches!(vault.key(new).await, Err(VaultError::Database(_))));
    database.as_superuser("alter table journal.elsewhere rename to keys").await.unwrap();
    assert!(vault.key(new).await.is_ok());
    database.drop().await;
}

#[tokio::test]
async fn nothing_shows_a_key_when_printed() {
    let database = TestDatabase::create().await;
    let vault = database.vault().await;
    let key = vault.key(KeyOwner::data(id(), id())).await.unwrap();
    let keys = vault.open_keys(&[key.id()]).await.unwrap();
    let index = vault.index(id()).await.unwrap();
    assert_eq!(format!("{vault:?} {keys:?}"), "Vault(..) OpenKeys(1 usable, 0 erased)");
    assert_eq!(format!("{key:?}"), format!("DataKey({}, ..)", key.id()));
    assert!(format!("{index:?}").starts_with("IndexKeys(DataKey("), "{index:?}");
    assert_eq!(format!("{:?} {:?}", database.keyring("keyring.toml"), somewhere()), "Keyring(1 keys, ..) Context(..)");
    assert_eq!(format!("{:?}", Opened::Value("Jane")), "Value(..)");
    database.drop().await;
}

/// What the statement that rotates a subject's key will do: retire the old version, add the next.
async fn rotate(database: &TestDatabase, owner: KeyOwner, vault: &Vault) {
    let version = vault.key(owner).await.unwrap().version();
    let mut transaction = database.superuser.begin().await.unwrap();
    sqlx::query("update journal.keys set state = 'retired', active_to = now() where subject_id = $1")
        .bind(owner.subject)
        .execute(&mut *transaction)
        .await
        .unwrap();
    insert_key(database, &mut transaction, owner, version + 1).await;
    transaction.commit().await.unwrap();
}

/// Another process's new key, inside a transaction of its own.
async fn insert_key(database: &TestDatabase, connection: &mut PgConnection, owner: KeyOwner, version: u32) -> Uuid {
    let name = KeyName { key_id: id(), owner, version };
    let wrap = database.keyring("keyring.toml").wrap(&name, &Secret::random()).await.unwrap();
    sqlx::query(
        "insert into journal.keys (key_id, organization_id, subject_id, purpose, version, algorithm, wraps)
         values ($1, $2, $3, $4, $5, 'aes-256-gcm', array[row('keyring:local', $6, 1, 1, $7)::journal.key_wrap])",
    )
    .bind(name.key_id)
    .bind(owner.organization)
    .bind(owner.subject)
    .bind(owner.purpose.as_str())
    .bind(name.version.cast_signed())
    .bind(wrap.wrapping_key_id)
    .bind(wrap.wrapped.as_bytes())
    .execute(connection)
    .await
    .unwrap();
    name.key_id
}

async fn until_somebody_waits(database: &TestDatabase) {
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while database.count(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn refusal(pool: &PgPool, sql: &str) -> String {
    sqlx::raw_sql(sql).execute(pool).await.unwrap_err().to_string()
}
