//! Does the log still give every stored tile and every head that was ever signed?

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;

use super::{Finding, Findings, Trust};
use crate::follower::StoredTree;
use crate::tree::{FullTile, Hash, Head, SignedCheckpoint, TILE_WIDTH, TileId, Tree};

/// A head is stored a moment after it was signed.
const UNTIL_STORED: Duration = Duration::from_secs(1);

/// The tree that the log gives, as far as it was read.
pub(super) struct TreeCheck<'a> {
    pool: &'a PgPool,
    trust: &'a Trust,
    stored: StoredTree,
    tree: Tree,
    /// Up to this size, full tiles must be stored.
    tiles_stored_to: u64,
    /// The largest size whose root a signed head has confirmed.
    confirmed: u64,
    /// After a gap there is no tree.
    broken: bool,
    /// The first size whose signed head isn't the log's; no later one can be.
    rewritten: Option<u64>,
    /// Sizes of trusted heads that weren't stored when they were looked for.
    not_stored: Vec<i64>,
    tiles: u64,
    heads: u64,
}

pub(super) struct TreeCounts {
    pub(super) head: Head,
    pub(super) tiles: u64,
    pub(super) heads: u64,
}

#[derive(sqlx::FromRow)]
struct HeadRow {
    size: i64,
    root: Vec<u8>,
    note: String,
}

impl<'a> TreeCheck<'a> {
    pub(super) async fn new(pool: &'a PgPool, trust: &'a Trust) -> sqlx::Result<Self> {
        let stored = StoredTree::new(pool.clone());
        let signed: Option<i64> = sqlx::query_scalar("select max(size) from journal.tree_heads").fetch_one(pool).await?;
        // tiles are stored before a head over them is signed
        let tiles_stored_to = stored.stored_size().await?.max(signed.unwrap_or(0).cast_unsigned());
        let tree = Tree::new();
        Ok(Self { pool, trust, stored, tree, tiles_stored_to, confirmed: 0, broken: false, rewritten: None, not_stored: vec![], tiles: 0, heads: 0 })
    }

    /// Adds the leaves of a chunk of the log and compares what they complete.
    pub(super) async fn grow(&mut self, leaves: Vec<(u64, Option<Hash>)>, findings: &mut Findings) -> sqlx::Result<()> {
        let Some((last, _)) = leaves.last() else { return Ok(()) };
        let mut heads = self.signed_between(self.tree.size(), *last, findings).await?.into_iter().peekable();
        for (position, leaf) in leaves {
            match leaf {
                Some(leaf) if !self.broken && position == self.tree.size() + 1 => self.tree.push(leaf),
                Some(_) | None => self.broken = true,
            }
            while let Some(head) = heads.next_if(|head| head.size <= position) {
                self.check_head(head);
            }
        }
        let full = self.tree.take_full_tiles();
        self.check_tiles(&full, findings).await
    }

    pub(super) async fn finish(self, findings: &mut Findings) -> sqlx::Result<TreeCounts> {
        self.check_that_no_head_is_beyond_the_log(findings).await?;
        self.check_that_no_tile_is_beyond_the_log(findings).await?;
        self.check_that_trusted_heads_are_stored(findings).await?;
        self.tell_what_was_rewritten(findings);
        Ok(TreeCounts { head: self.tree.head(), tiles: self.tiles, heads: self.heads })
    }

    /// What was signed with `from < size <= to`, by size; stored heads that aren't what was signed are told.
    async fn signed_between(&mut self, from: u64, to: u64, findings: &mut Findings) -> sqlx::Result<Vec<Head>> {
        let rows: Vec<HeadRow> = sqlx::query_as("select size, root, note from journal.tree_heads where size > $1 and size <= $2 order by size")
            .bind(from.cast_signed())
            .bind(to.cast_signed())
            .fetch_all(self.pool)
            .await?;
        let mut heads: Vec<Head> = rows.iter().filter_map(|row| self.signed_head(row, findings)).collect();
        for trusted in self.trust.heads.iter().map(SignedCheckpoint::head).filter(|head| head.size > from && head.size <= to) {
            if !rows.iter().any(|row| row.size.cast_unsigned() == trusted.size) {
                self.not_stored.push(trusted.size.cast_signed());
            }
            heads.push(trusted);
        }
        heads.sort_by_key(|head| head.size);
        self.heads += heads.len() as u64;
        Ok(heads)
    }

    fn signed_head(&self, row: &HeadRow, findings: &mut Findings) -> Option<Head> {
        let size = row.size.cast_unsigned();
        let Ok(signed) = SignedCheckpoint::open(&row.note, &self.trust.key) else {
            findings.at(size, format!("the stored head of size {size} isn't signed by the log's key"));
            return None;
        };
        if signed.head().size != size || signed.head().root.as_bytes()[..] != row.root {
            findings.at(size, format!("the stored head of size {size} isn't the one in its signed note"));
        }
        Some(signed.head()).filter(|head| head.size == size)
    }

    fn check_head(&mut self, head: Head) {
        if self.broken || self.rewritten.is_some() {
            return;
        }
        if self.tree.head() == head {
            self.confirmed = head.size;
        } else {
            self.rewritten = Some(head.size);
        }
    }

    /// Heads tell only between which positions; where something else tells more, that comes first.
    fn tell_what_was_rewritten(&self, findings: &mut Findings) {
        let Some(last) = self.rewritten else { return };
        let first = self.confirmed + 1;
        let told = findings.exact.range(first..=last).next().is_some();
        let what = format!("the log isn't the one that was signed: it was changed between the positions {first} and {last}");
        findings.at(if told { last } else { first }, what);
    }

    async fn check_tiles(&mut self, full: &[FullTile], findings: &mut Findings) -> sqlx::Result<()> {
        let ids: Vec<TileId> = full.iter().map(|tile| tile.id).collect();
        let stored = self.stored.tiles(&ids, u64::MAX).await?;
        for FullTile { id, hashes } in full {
            match stored.get(id) {
                Some(stored) => {
                    self.tiles += 1;
                    if let Some(other) = hashes.iter().zip(stored).position(|(hash, stored)| hash != stored) {
                        let what = format!("the log isn't the one in the stored tile {} of level {}: one of them was altered", id.index, id.level);
                        findings.exactly(Finding::at(first_position(*id, other), what));
                    }
                }
                None if first_position(*id, TILE_WIDTH) <= self.tiles_stored_to + 1 => {
                    findings.at(first_position(*id, 0), format!("the tile {} of level {} isn't stored", id.index, id.level));
                }
                None => {}
            }
        }
        Ok(())
    }

    async fn check_that_trusted_heads_are_stored(&self, findings: &mut Findings) -> sqlx::Result<()> {
        if self.not_stored.is_empty() {
            return Ok(());
        }
        sleep(UNTIL_STORED).await;
        let stored: Vec<i64> =
            sqlx::query_scalar("select size from journal.tree_heads where size = any($1)").bind(&self.not_stored).fetch_all(self.pool).await?;
        for size in self.not_stored.iter().filter(|size| !stored.contains(size)) {
            findings.at(size.cast_unsigned(), format!("the head of size {size} was signed, but isn't stored"));
        }
        Ok(())
    }

    async fn check_that_no_head_is_beyond_the_log(&self, findings: &mut Findings) -> sqlx::Result<()> {
        let (end, stored): (i64, Option<i64>) = sqlx::query_as(
            "select position, (select max(size) from journal.tree_heads where size > position or size < 1)
             from journal.head",
        )
        .fetch_one(self.pool)
        .await?;
        let end = end.cast_unsigned();
        let trusted = self.trust.heads.iter().map(|signed| signed.head().size).filter(|size| *size > end).max();
        if let Some(size) = stored.map(i64::cast_unsigned).max(trusted) {
            findings.at(end + 1, format!("a head of size {size} was signed, so the log's end is missing: it was cut off or an older copy put back"));
        }
        Ok(())
    }

    async fn check_that_no_tile_is_beyond_the_log(&self, findings: &mut Findings) -> sqlx::Result<()> {
        let tiles: Vec<(i32, i64)> = sqlx::query_as(
            "select level, index
             from journal.tiles, journal.head
             where level not between 0 and 6
                or index < 0
                or (index + 1)::numeric * 256::numeric ^ (level + 1) > position
             order by level, index
             limit 10",
        )
        .fetch_all(self.pool)
        .await?;
        for (level, index) in tiles {
            findings.general(format!("the tile {index} of level {level} is stored, but the log isn't that long"));
        }
        Ok(())
    }
}

/// The first position under a hash of a tile.
fn first_position(id: TileId, hash: usize) -> u64 {
    let hashes_before = id.index * TILE_WIDTH as u64 + hash as u64;
    hashes_before * (TILE_WIDTH as u64).pow(u32::from(id.level)) + 1
}
