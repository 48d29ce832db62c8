//! How does the log become one hash that nobody can fake, and where does the signer's signature come from?
//!
//! The tree of RFC 6962 is a pure fold over the log's leaves: no database, no clock, no task. [`Tree`] keeps only its
//! edge in memory and hands out the tiles it completes; everything else (roots, proofs) is computed from tiles.
//! [`Signer`] signs a head only after it has proved to itself that the tree it signed last is still in there.

mod checkpoint;
mod hash;
mod note;
pub mod proof;
mod signer;
mod tiles;

use std::mem;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use hash::Hash;
pub use note::{NoteError, VerifyingKey};
pub use proof::{Consistency, Head, ProofError, Unproven};
pub use signer::{Signer, SignerError};
pub use tiles::{FullTile, TILE_WIDTH, TileId, TileMap, TileReader, tile_bytes, tile_hashes};

use tiles::{TILE_HEIGHT, complete_root};

/// The tree so far: its size and its edge, the hashes of each level that don't fill a tile yet.
///
/// As a [`TileReader`] it knows these partial tiles only; [`Tree::over`] joins them with the stored full ones.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    edge: Vec<Vec<Hash>>,
    full: Vec<FullTile>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stored tiles that [`Tree::restore`] reads: at most 255 a level.
    pub fn restore_tiles(full_leaf_tiles: u64) -> Vec<TileId> {
        let mut tiles = vec![];
        let (mut level, mut full) = (0, full_leaf_tiles);
        while full > 0 {
            let above = full >> TILE_HEIGHT;
            tiles.extend(((above << TILE_HEIGHT)..full).map(|index| TileId { level, index }));
            (level, full) = (level + 1, above);
        }
        tiles
    }

    /// The tree of the leaves in the first `full_leaf_tiles` tiles of level 0. Push the leaves after them:
    /// `tree.size()` tells where to go on.
    pub fn restore(full_leaf_tiles: u64, stored: &impl TileReader) -> Result<Self, ProofError> {
        let size = full_leaf_tiles.checked_mul(TILE_WIDTH as u64).ok_or(ProofError::OutOfRange)?;
        let mut tree = Self { size, ..Self::default() };
        for id in Self::restore_tiles(full_leaf_tiles) {
            let tile = stored.tile(id).filter(|tile| tile.len() == TILE_WIDTH);
            let root = complete_root(tile.ok_or(ProofError::MissingTile(id))?);
            tree.edge_at(usize::from(id.level) + 1).push(root);
        }
        Ok(tree)
    }

    /// Leaves in the tree: the last position in the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the log's next leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let (mut level, mut hash, mut index) = (0, leaf, self.size >> TILE_HEIGHT);
        loop {
            let edge = self.edge_at(usize::from(level));
            edge.push(hash);
            if edge.len() < TILE_WIDTH {
                return;
            }
            let hashes = mem::replace(edge, Vec::with_capacity(TILE_WIDTH));
            hash = complete_root(&hashes);
            self.full.push(FullTile { id: TileId { level, index: index - 1 }, hashes });
            (level, index) = (level + 1, index >> TILE_HEIGHT);
        }
    }

    /// The tiles completed since this was last asked, in the order in which they filled. Store them before they are
    /// needed for a proof.
    pub fn take_full_tiles(&mut self) -> Vec<FullTile> {
        mem::take(&mut self.full)
    }

    /// The root of the tree as it is.
    #[expect(clippy::missing_panics_doc, reason = "it can't: the edge is made so")]
    pub fn root(&self) -> Hash {
        proof::root(self.size, self).expect("the edge holds every complete subtree of the tree's own size")
    }

    /// Size and root of the tree as it is.
    pub fn head(&self) -> Head {
        Head { size: self.size, root: self.root() }
    }

    /// Joins the edge with the stored full tiles, so that roots and proofs for any size up to this one can be made.
    pub fn over<'a, R: TileReader>(&'a self, stored: &'a R) -> impl TileReader + 'a {
        Over { edge: self, stored }
    }

    fn edge_at(&mut self, level: usize) -> &mut Vec<Hash> {
        while self.edge.len() <= level {
            self.edge.push(Vec::with_capacity(TILE_WIDTH));
        }
        &mut self.edge[level]
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl TileReader for Tree {
    fn tile(&self, id: TileId) -> Option<&[Hash]> {
        let edge = self.edge.get(usize::from(id.level))?;
        let last = self.size >> (TILE_HEIGHT * id.level) >> TILE_HEIGHT;
        (id.index == last).then_some(edge.as_slice())
    }
}

struct Over<'a, R> {
    edge: &'a Tree,
    stored: &'a R,
}

impl<R: TileReader> TileReader for Over<'_, R> {
    fn tile(&self, id: TileId) -> Option<&[Hash]> {
        self.edge.tile(id).or_else(|| self.stored.tile(id))
    }
}

#[cfg(test)]
mod tests;
