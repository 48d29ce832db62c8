//! Does the tree follow the log, and is every signed head the log's?

use std::sync::Arc;
use std::time::Duration;

use anamnesis_journal::follower::{Follower, FollowerHandle, FollowerSettings, StoredTree};
use anamnesis_journal::log::Log;
use anamnesis_journal::tree::{Head, SignedCheckpoint, Signer, TileId, Tree, proof};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{Database, SOON, stream};

const ORIGIN: &str = "test.example/log";

pub(crate) struct SignerFile(TempDir);

impl SignerFile {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn open(&self) -> Signer {
        Signer::open_or_create(self.0.path().join("signer"), ORIGIN).unwrap()
    }
}

pub(crate) fn follow(database: &Database, signer: &SignerFile) -> (FollowerHandle, DropGuard) {
    let (follower, shutdown) = (follower(database, Some(signer.open())), CancellationToken::new());
    let handle = follower.handle();
    tokio::spawn(follower.run(shutdown.clone()));
    (handle, shutdown.drop_guard())
}

/// One that signs only when somebody asks.
fn follower(database: &Database, signer: Option<Signer>) -> Follower {
    let settings = FollowerSettings { sign_every: Duration::from_mins(5) };
    Follower::new(database.writer.clone(), Log::new(database.writer.clone()), signer.map(Arc::new), settings)
}

/// The root computed by other means: from all leaves at once.
async fn expected_head(database: &Database, size: u64) -> Head {
    let entries = Log::new(database.writer.clone()).read_after(0, u32::try_from(size).unwrap()).await.unwrap();
    let mut tree = Tree::new();
    tree.extend(entries.iter().map(anamnesis_journal::log::SealedEntry::leaf));
    tree.head()
}

#[tokio::test]
async fn a_head_is_signed_when_somebody_asks_and_proves_every_entry() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    let (follower, _following) = follow(&database, &signer);
    database.append(&stream(700)).await;
    let promised = follower.signed(700, SOON).await.unwrap();
    assert_eq!(promised.head(), expected_head(&database, 700).await);

    let tree = StoredTree::new(database.writer.clone());
    let note = tree.newest_head().await.unwrap().unwrap();
    assert_eq!(SignedCheckpoint::open(&note, signer.open().verifying_key()).unwrap(), promised);
    let entries = Log::new(database.writer.clone()).read_after(0, 700).await.unwrap();
    for position in [1, 256, 257, 512, 700] {
        let inclusion = tree.inclusion(position, 700).await.unwrap();
        let leaf = entries[usize::try_from(position - 1).unwrap()].leaf();
        assert!(proof::verify_inclusion(position - 1, leaf, promised.head(), &inclusion).is_ok());
    }
    assert!(tree.inclusion(701, 700).await.is_err());
}

#[tokio::test]
async fn every_size_grows_from_the_one_before() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    let (follower, _following) = follow(&database, &signer);
    let mut last = Head::EMPTY;
    for more in [1, 254, 1, 1, 300, 43] {
        database.append(&stream(more)).await;
        let size = last.size + more;
        let head = follower.signed(size, SOON).await.unwrap().head();
        let consistency = StoredTree::new(database.writer.clone()).consistency(last.size, size).await.unwrap();
        assert!(proof::verify_consistency(last, head, &consistency).is_ok(), "{} to {size}", last.size);
        last = head;
    }
    assert_eq!(last, expected_head(&database, 600).await);
    assert_eq!(database.count("journal.tree_heads").await, 6);
    assert_eq!(database.count("journal.tiles").await, 2);
}

#[tokio::test]
async fn a_follower_goes_on_where_the_one_before_stopped() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    for size in [300, 600, 900] {
        let (follower, _following) = follow(&database, &signer);
        database.append(&stream(300)).await;
        assert_eq!(follower.signed(size, SOON).await.unwrap().head(), expected_head(&database, size).await);
    }
}

/// A crash between the signature and its row: the signer remembers what the database doesn't have.
#[tokio::test]
async fn a_head_that_was_signed_but_not_stored_is_stored_by_the_next_follower() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    database.append(&stream(3)).await;
    database.logged(3).await;
    let head = expected_head(&database, 3).await;
    let nothing = proof::consistency(0, 3, &Tree::new()).unwrap();
    signer.open().sign(head, &nothing).unwrap();

    database.append(&stream(2)).await;
    let (follower, _following) = follow(&database, &signer);
    follower.signed(5, SOON).await.unwrap();
    let sizes: Vec<i64> = sqlx::query_scalar("select size from journal.tree_heads order by size").fetch_all(&database.owner).await.unwrap();
    assert_eq!(sizes, [3, 5]);
}

#[tokio::test]
async fn partial_and_full_tiles_are_served_as_they_were_and_nothing_that_is_not_there() {
    let database = Database::new().await;
    let (_sequencer, _sequencing) = database.sequence();
    database.append(&stream(300)).await;
    database.logged(300).await;
    let leaves = Log::new(database.writer.clone()).read_after(0, 300).await.unwrap();
    let bytes = |range: std::ops::Range<usize>| leaves[range].iter().flat_map(|entry| *entry.leaf().as_bytes()).collect::<Vec<_>>();
    let tile = |index| TileId { level: 0, index };
    let tree = StoredTree::new(database.writer.clone());

    // before and after the follower has stored anything
    for follows in [false, true] {
        let signer = SignerFile::new();
        let following = follows.then(|| follow(&database, &signer));
        if let Some((follower, _)) = &following {
            follower.signed(300, SOON).await.unwrap();
        }
        assert_eq!(tree.tile(tile(0), 256).await.unwrap(), Some(bytes(0..256)));
        assert_eq!(tree.tile(tile(0), 7).await.unwrap(), Some(bytes(0..7)));
        assert_eq!(tree.tile(tile(1), 44).await.unwrap(), Some(bytes(256..300)));
        assert_eq!(tree.tile(tile(1), 45).await.unwrap(), None);
        assert_eq!(tree.tile(tile(2), 1).await.unwrap(), None);
        assert!(tree.tile(TileId { level: 1, index: 0 }, 1).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn nothing_is_signed_over_a_log_that_was_rewritten_or_rolled_back() {
    for (tamper, problem) in [
        ("update journal.log set row_hash = sha256('other') where position = 2", "rewritten"),
        ("delete from journal.log where position > 2; update journal.head set position = 2", "rolled back"),
    ] {
        let database = Database::new().await;
        let signer = SignerFile::new();
        let (_sequencer, _sequencing) = database.sequence();
        let (follower, following) = follow(&database, &signer);
        database.append(&stream(4)).await;
        follower.signed(4, SOON).await.unwrap();
        drop(following);

        database.execute(&format!("set session_replication_role = replica; {tamper}; reset session_replication_role")).await;
        let (follower, _following) = follow(&database, &signer);
        assert!(problem_of(&follower).await.contains(problem), "{tamper}");
        database.append(&stream(4)).await;
        assert!(follower.signed(5, Duration::from_secs(1)).await.is_none(), "{tamper}");
        assert_eq!(database.count("journal.tree_heads").await, 1);
    }
}

#[tokio::test]
async fn an_altered_tile_stops_the_follower_that_meets_it() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    database.append(&stream(300)).await;
    database.logged(300).await;
    database.execute("insert into journal.tiles select 0, 0, string_agg(sha256(int4send(i)), '') from generate_series(1, 256) i").await;
    let (follower, _following) = follow(&database, &signer);
    assert!(problem_of(&follower).await.contains("the stored tile 0 of level 0 is not the log's"));
    assert_eq!(database.count("journal.tree_heads").await, 0);
}

/// A follower that took the stored tile as it is would sign a root that isn't the log's.
#[tokio::test]
async fn a_tile_that_was_altered_before_anything_was_signed_over_it_is_not_trusted() {
    let database = Database::new().await;
    let signer = SignerFile::new();
    let (_sequencer, _sequencing) = database.sequence();
    database.append(&stream(300)).await;
    let (unsigned, shutdown) = (follower(&database, None), CancellationToken::new());
    tokio::spawn(unsigned.run(shutdown.clone()));
    while database.count("journal.tiles").await < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shutdown.cancel();
    database.execute("update journal.tiles set hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)").await;
    let (follower, _following) = follow(&database, &signer);
    assert!(problem_of(&follower).await.contains("the stored tile 0 of level 0 is not the log's"));
    assert_eq!(database.count("journal.tree_heads").await, 0);
}

async fn problem_of(follower: &FollowerHandle) -> String {
    let problem = async {
        loop {
            if let Some(problem) = follower.health().problem {
                return problem;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, problem).await.expect("the follower tells a problem")
}
