//! What of the tree is in the database, and how is it made whole again?
//!
//! Full tiles are stored; everything else is recomputed from the log's rows. The root and every proof of any size up
//! to the log's end can be had from here.

use std::collections::BTreeMap;

use sqlx::PgPool;

use super::leaves::leaves_after;
use crate::tree::{
    Consistency, FullTile, Hash, Head, ProofError, SignedCheckpoint, TILE_WIDTH, TileId, TileMap, TileReader, Tree, proof, tile_bytes, tile_hashes,
};

/// The tree's row in `journal.checkpoints`.
const CONSUMER: &str = "tree";
/// Entries read at once while a tree is made whole.
const LEAVES_AT_ONCE: u32 = 8_192;

/// Why the tree can't be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Postgres didn't answer, or refused.
    #[error("the tree can't be read or stored")]
    Database(#[from] sqlx::Error),
    /// A position is missing in the log.
    #[error("the log has a gap: position {expected} is missing")]
    Gap {
        /// The position that should have come.
        expected: u64,
    },
    /// The log holds something else than a hash.
    #[error("the row hash at position {position} is no hash")]
    NotAHash {
        /// Where.
        position: u64,
    },
    /// A stored tile isn't what the log's rows give.
    #[error("the stored tile {index} of level {level} is not the log's: one of them was altered")]
    OtherTile {
        /// The tile's level.
        level: u8,
        /// The tile's number in it.
        index: u64,
    },
    /// The tree or the log isn't that large, or a stored tile is missing.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// The tree as it is stored, for whoever asks for tiles and proofs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StoredTree {
    pool: PgPool,
}

impl StoredTree {
    /// The tree in the database that `pool` leads to.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The signed note of the newest head, as it is served; `None` before the first.
    pub async fn newest_head(&self) -> Result<Option<String>, TreeError> {
        Ok(sqlx::query_scalar("select note from journal.tree_heads order by size desc limit 1").fetch_optional(&self.pool).await?)
    }

    /// The signed notes of the heads larger than `size` and up to `up_to`, the smallest first: at most `limit`.
    pub async fn heads_after(&self, size: u64, up_to: u64, limit: u32) -> Result<Vec<(u64, String)>, TreeError> {
        let heads: Vec<(i64, String)> =
            sqlx::query_as("select size, note from journal.tree_heads where size > $1 and size <= $2 order by size limit $3")
                .bind(size.cast_signed())
                .bind(up_to.cast_signed())
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        Ok(heads.into_iter().map(|(size, note)| (size.cast_unsigned(), note)).collect())
    }

    /// The root of the first `size` entries.
    pub async fn head(&self, size: u64) -> Result<Head, TreeError> {
        Ok(self.at(size, &[]).await?.0.head())
    }

    /// The proof that the entry at `position` is in the tree of `size`.
    pub async fn inclusion(&self, position: u64, size: u64) -> Result<Vec<Hash>, TreeError> {
        Ok(self.inclusions(&[position], size).await?.remove(0))
    }

    /// As [`StoredTree::inclusion`], for several positions at once: the tree is made whole once.
    pub async fn inclusions(&self, positions: &[u64], size: u64) -> Result<Vec<Vec<Hash>>, TreeError> {
        let index = |position: &u64| position.checked_sub(1).filter(|index| *index < size);
        let indexes: Vec<_> = positions.iter().map(index).collect::<Option<_>>().ok_or(ProofError::OutOfRange)?;
        let mut wanted: Vec<_> = indexes.iter().flat_map(|index| proof::inclusion_tiles(*index, size)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let (tree, tiles) = self.at(size, &wanted).await?;
        let hashes = tree.over(&tiles);
        Ok(indexes.into_iter().map(|index| proof::inclusion(index, size, &hashes)).collect::<Result<_, _>>()?)
    }

    /// The proof that the tree of `from` entries is the beginning of the tree of `to`.
    pub async fn consistency(&self, from: u64, to: u64) -> Result<Consistency, TreeError> {
        let (tree, tiles) = self.at(to, &proof::consistency_tiles(from, to)).await?;
        Ok(proof::consistency(from, to, &tree.over(&tiles))?)
    }

    /// A tile's bytes with its first `width` hashes, as C2SP serves it; `None` while the log hasn't so many.
    pub async fn tile(&self, id: TileId, width: usize) -> Result<Option<Vec<u8>>, TreeError> {
        let head = crate::log::head(&self.pool).await?.position;
        if width == 0 || id.width_at(head) < width {
            return Ok(None);
        }
        if let Some(hashes) = self.tiles(&[id], head).await?.get(&id) {
            return Ok(hashes.get(..width).map(tile_bytes));
        }
        let (tree, tiles) = self.at(head, &[]).await?;
        Ok(tree.over(&tiles).tile(id).and_then(|hashes| hashes.get(..width)).map(tile_bytes))
    }

    /// The tree of the first `size` entries and those of the wanted tiles that are full in it.
    async fn at(&self, size: u64, wanted: &[TileId]) -> Result<(Tree, TileMap), TreeError> {
        let mut tree = self.restore_full_tiles(size.min(self.stored_size().await?)).await?;
        while tree.size() < size {
            let missing = u32::try_from(size - tree.size()).unwrap_or(u32::MAX).min(LEAVES_AT_ONCE);
            let leaves = leaves_after(&self.pool, tree.size(), missing).await?;
            if leaves.is_empty() {
                return Err(ProofError::OutOfRange.into());
            }
            tree.extend(leaves);
        }
        let mut tiles = self.tiles(wanted, size).await?;
        // the follower may not have stored these yet
        tiles.extend(tree.take_full_tiles().into_iter().map(|tile| (tile.id, tile.hashes)));
        Ok((tree, tiles))
    }

    /// The proof for the signer, from a tree that is whole already.
    pub(super) async fn consistency_with(&self, from: u64, tree: &Tree) -> Result<Consistency, TreeError> {
        let tiles = self.tiles(&proof::consistency_tiles(from, tree.size()), tree.size()).await?;
        Ok(proof::consistency(from, tree.size(), &tree.over(&tiles))?)
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Up to this size all full tiles are stored.
    pub(crate) async fn stored_size(&self) -> sqlx::Result<u64> {
        let size: Option<i64> = sqlx::query_scalar("select position from journal.checkpoints where consumer = $1 and partition = 0")
            .bind(CONSUMER)
            .fetch_optional(&self.pool)
            .await?;
        Ok(size.unwrap_or(0).cast_unsigned())
    }

    /// The tree of the full leaf tiles among the first `size` entries, from what is stored.
    pub(super) async fn restore_full_tiles(&self, size: u64) -> Result<Tree, TreeError> {
        let full = size / TILE_WIDTH as u64;
        let tiles = self.tiles(&Tree::restore_tiles(full), size).await?;
        Ok(Tree::restore(full, &tiles)?)
    }

    /// Stores tiles that have become full, and the size that the tree has reached, in one statement.
    pub(super) async fn store(&self, full: &[FullTile], size: u64) -> Result<(), TreeError> {
        let other: Option<(i32, i64)> = sqlx::query_as(include_str!("store_tiles.sql"))
            .bind(full.iter().map(|tile| i32::from(tile.id.level)).collect::<Vec<_>>())
            .bind(full.iter().map(|tile| tile.id.index.cast_signed()).collect::<Vec<_>>())
            .bind(full.iter().map(FullTile::to_bytes).collect::<Vec<_>>())
            .bind(CONSUMER)
            .bind(size.cast_signed())
            .fetch_optional(&self.pool)
            .await?;
        match other {
            Some((level, index)) => Err(TreeError::OtherTile { level: u8::try_from(level).unwrap_or(u8::MAX), index: index.cast_unsigned() }),
            None => Ok(()),
        }
    }

    /// Stores a signed head, unless it is there or is the empty tree's.
    pub(super) async fn store_head(&self, signed: &SignedCheckpoint) -> Result<(), TreeError> {
        let Head { size, root } = signed.head();
        if size > 0 {
            sqlx::query(
                "insert into journal.tree_heads (size, root, note, signed_at) values ($1, $2, $3, clock_timestamp()) on conflict (size) do nothing",
            )
            .bind(size.cast_signed())
            .bind(root.as_bytes())
            .bind(signed.note())
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }

    /// Those of the tiles that are full in a tree of that size, and so stored.
    pub(crate) async fn tiles(&self, ids: &[TileId], size: u64) -> sqlx::Result<TileMap> {
        let full = || ids.iter().filter(|id| id.is_full_at(size));
        let rows: Vec<(i32, i64, Vec<u8>)> = sqlx::query_as(
            "select level, index, hashes from journal.tiles join unnest($1::int[], $2::bigint[]) as wanted (level, index) using (level, index)",
        )
        .bind(full().map(|id| i32::from(id.level)).collect::<Vec<_>>())
        .bind(full().map(|id| id.index.cast_signed()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let tile = |(level, index, bytes): (i32, i64, Vec<u8>)| {
            Some((TileId { level: u8::try_from(level).ok()?, index: index.cast_unsigned() }, tile_hashes(&bytes)?))
        };
        Ok(rows.into_iter().filter_map(tile).collect::<BTreeMap<_, _>>())
    }
}
