//! Does a journal go on in another cluster, from a dump?

use std::sync::Arc;

use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose, RevokeConsent};
use anamnesis_domain::{PatientId, ProviderId};
use anamnesis_journal::follower::StoredTree;
use anamnesis_journal::testing::caller;
use anamnesis_journal::verify::{Depth, Trust, verify};
use anamnesis_journal::{Caller, Journal, JournalSettings};
use anamnesis_vault::{Keyring, Vault, VaultSettings};
use tempfile::{NamedTempFile, TempDir};
use uuid::Uuid;

use crate::cluster::{Cluster, program, run};
use crate::following::{SignerFile, follow};
use crate::support::{Database, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_into_a_fresh_cluster_goes_on() {
    let (database, keyring, signer, caller) = (Database::new().await, TempDir::new().unwrap(), SignerFile::new(), caller());
    let journal = open(&database, &keyring).await;
    let running = database.sequence();
    let (follower, following) = follow(&database, &signer);
    let (mut consents, mut commands) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        commands.push(caller.again());
        consents.push(granted(&journal, commands.last().unwrap()).await);
    }
    follower.signed(20, SOON).await.unwrap();
    drop((running, following));
    // what comes now waits in the queue
    database.rest().await;
    for _ in 0..5 {
        consents.push(granted(&journal, &caller.again()).await);
    }

    let cluster = Cluster::start().await;
    let copy = move_to(&cluster, &database).await;
    drop((journal, database));

    let journal = open(&copy, &keyring).await;
    let asked_again = journal.create::<Consent>(Uuid::now_v7(), grant(&caller), &commands[0]).await.unwrap();
    assert_eq!((asked_again.aggregate_id, asked_again.sequence, asked_again.replayed), (consents[0], 1, true));
    for consent in &consents {
        let revoke = ConsentCommand::Revoke(RevokeConsent { now: caller.now, reason: None });
        assert_eq!(journal.execute::<Consent>(*consent, revoke, &caller.again(), None).await.unwrap().sequence, 2);
    }
    granted(&journal, &caller.again()).await;

    let (_sequencer, _sequencing) = copy.sequence();
    let (follower, _following) = follow(&copy, &signer);
    let promised = follower.signed(51, SOON).await.expect("the copy's log is the one that was signed");
    assert_eq!(promised.head(), StoredTree::new(copy.writer.clone()).head(51).await.unwrap());
    assert_eq!(copy.count("journal.log").await, 51);
    copy.assert_sound().await;
    let report = verify(&copy.owner, &Trust::in_signer(&signer.open()).unwrap(), Depth::Full, &|_, _| {}).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.entries, report.events, report.queued), (51, 51, 0));
}

/// The roles, which a dump of one database hasn't, and the database.
async fn move_to(cluster: &Cluster, database: &Database) -> Database {
    let (roles, dump) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    run(program("pg_dumpall").arg("--roles-only").arg("--file").arg(roles.path()).arg("--dbname").arg(database.url()));
    run(program("pg_dump").arg("--format=custom").arg("--file").arg(dump.path()).arg(database.url()));
    let copy = Database::empty_in(cluster.options()).await;
    run(program("psql").args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file"]).arg(roles.path()).arg(copy.url()));
    run(program("pg_restore").arg("--exit-on-error").arg("--dbname").arg(copy.url()).arg(dump.path()));
    copy
}

/// The keys stay outside of the database.
async fn open(database: &Database, keyring: &TempDir) -> Journal {
    let keyring = Keyring::open_or_create(&keyring.path().join("keyring.toml")).unwrap();
    let vault = Vault::open(database.writer.clone(), Arc::new(keyring), VaultSettings::default()).await.unwrap();
    Journal::open(database.writer.clone(), vault, JournalSettings::default())
}

async fn granted(journal: &Journal, caller: &Caller) -> Uuid {
    journal.create::<Consent>(Uuid::now_v7(), grant(caller), caller).await.unwrap().aggregate_id
}

fn grant(caller: &Caller) -> ConsentCommand {
    let grantee = Grantee { provider_id: Some(ProviderId(Uuid::from_u128(7))), facility_id: None };
    let (patient_id, purposes, categories) = (PatientId(Uuid::now_v7()), vec![Purpose::Treatment], vec![DataCategory::All]);
    ConsentCommand::Grant(GrantConsent {
        consent: ConsentGranted { patient_id, grantee, purposes, categories, granted_at: caller.now, expires_at: None },
        themselves: vec![],
    })
}
