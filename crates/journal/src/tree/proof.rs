//! Is this entry in that log, and is that log still the beginning of this one? (RFC 6962, section 2.1; RFC 9162)
//!
//! Proofs are made from tiles, so from a few reads, for any size the tree has ever had. The `…_tiles` functions tell
//! beforehand which tiles a question needs, so that a caller can load them at once.

use std::iter;
use std::ops::Range;

use super::tiles::{TILE_HEIGHT, TILE_WIDTH, complete_root};
use super::{Hash, TileId, TileReader};

/// Size and root: all there is to say of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves in the tree.
    pub size: u64,
    /// The hash over all of them.
    pub root: Hash,
}

impl Head {
    /// The tree without leaves, which every tree has grown from.
    pub const EMPTY: Self = Self { size: 0, root: Hash::EMPTY_ROOT };
}

/// A proof that the tree of `from` leaves is the beginning of a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The older size.
    pub from: u64,
    /// The proof's hashes in RFC 6962's order; none from size 0 or to the same size.
    pub hashes: Vec<Hash>,
}

/// Why no root or proof could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index isn't below the size, or the older size is above the newer.
    #[error("the tree has no such leaf or size")]
    OutOfRange,
    /// The reader doesn't have the tile, or not enough hashes of it.
    #[error("tile {} of level {} is missing or too short", .0.index, .0.level)]
    MissingTile(TileId),
}

/// A proof, a head or a leaf is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct Unproven;

/// The root of the first `size` leaves.
pub fn root(size: u64, tiles: &impl TileReader) -> Result<Hash, ProofError> {
    if size == 0 { Ok(Hash::EMPTY_ROOT) } else { range_root(0..size, tiles) }
}

/// The tiles that [`root`] reads.
pub fn root_tiles(size: u64) -> Vec<TileId> {
    tiles_of(iter::once(0..size))
}

/// The inclusion proof of the leaf with this zero-based index (position − 1) in the tree of `size` leaves.
pub fn inclusion(index: u64, size: u64, tiles: &impl TileReader) -> Result<Vec<Hash>, ProofError> {
    let ranges = inclusion_ranges(index, size).ok_or(ProofError::OutOfRange)?;
    ranges.into_iter().map(|range| range_root(range, tiles)).collect()
}

/// The tiles that [`inclusion`] reads; none if there is no such leaf.
pub fn inclusion_tiles(index: u64, size: u64) -> Vec<TileId> {
    tiles_of(inclusion_ranges(index, size).unwrap_or_default())
}

/// The proof that the tree of `from` leaves is the beginning of the tree of `to` leaves.
pub fn consistency(from: u64, to: u64, tiles: &impl TileReader) -> Result<Consistency, ProofError> {
    let ranges = consistency_ranges(from, to).ok_or(ProofError::OutOfRange)?;
    let hashes = ranges.into_iter().map(|range| range_root(range, tiles)).collect::<Result<_, _>>()?;
    Ok(Consistency { from, hashes })
}

/// The tiles that [`consistency`] reads; none if there is no such proof.
pub fn consistency_tiles(from: u64, to: u64) -> Vec<TileId> {
    tiles_of(consistency_ranges(from, to).unwrap_or_default())
}

/// Checks that `leaf` stands at `index` (position − 1) in the tree of `head`.
pub fn verify_inclusion(index: u64, leaf: Hash, head: Head, proof: &[Hash]) -> Result<(), Unproven> {
    if index >= head.size {
        return Err(Unproven);
    }
    let mut climb = Climb { node: index, last: head.size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        hash = match climb.step()? {
            Side::Left => Hash::node(sibling, &hash),
            Side::Right => Hash::node(&hash, sibling),
        };
    }
    (climb.last == 0 && hash == head.root).then_some(()).ok_or(Unproven)
}

/// Checks that the tree of `older` is the beginning of the tree of `newer`.
pub fn verify_consistency(older: Head, newer: Head, proof: &Consistency) -> Result<(), Unproven> {
    let holds = proof.from == older.size
        && match older.size {
            size if size > newer.size => false,
            size if size == newer.size => proof.hashes.is_empty() && older.root == newer.root,
            0 => proof.hashes.is_empty() && older == Head::EMPTY,
            _ => grows(older, newer, &proof.hashes),
        };
    holds.then_some(()).ok_or(Unproven)
}

fn grows(older: Head, newer: Head, hashes: &[Hash]) -> bool {
    // A complete older tree is a node of the newer one; its root isn't repeated in the proof.
    let (first, rest) = match hashes {
        _ if older.size.is_power_of_two() => (older.root, hashes),
        [first, rest @ ..] => (*first, rest),
        [] => return false,
    };
    let mut climb = Climb { node: older.size - 1, last: newer.size - 1 };
    climb.skip(climb.node.trailing_ones());
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        match climb.step() {
            Ok(Side::Left) => {
                old = Hash::node(sibling, &old);
                new = Hash::node(sibling, &new);
            }
            Ok(Side::Right) => new = Hash::node(&new, sibling),
            Err(Unproven) => return false,
        }
    }
    climb.last == 0 && old == older.root && new == newer.root
}

/// On which side of the path the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root, beside the way from the last leaf (RFC 9162, sections 2.1.3.2 and 2.1.4.2).
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    fn step(&mut self) -> Result<Side, Unproven> {
        if self.last == 0 {
            return Err(Unproven);
        }
        let left = self.node & 1 == 1 || self.node == self.last;
        if left {
            // Where the tree's right edge has no sibling, the hash goes up unchanged.
            self.skip(self.node.trailing_zeros());
        }
        self.skip(1);
        Ok(if left { Side::Left } else { Side::Right })
    }

    fn skip(&mut self, levels: u32) {
        self.node >>= levels;
        self.last >>= levels;
    }
}

/// The subtrees beside the path to a leaf, from the leaf up.
fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    (index < size).then(|| {
        let mut siblings = vec![];
        let mut range = 0..size;
        while range.end - range.start > 1 {
            let middle = split(&range);
            if index < middle {
                siblings.push(middle..range.end);
                range.end = middle;
            } else {
                siblings.push(range.start..middle);
                range.start = middle;
            }
        }
        siblings.reverse();
        siblings
    })
}

/// The subtrees that lead from the older root to the newer, from the older tree's edge up.
fn consistency_ranges(from: u64, to: u64) -> Option<Vec<Range<u64>>> {
    (from <= to).then(|| {
        if from == 0 {
            return vec![];
        }
        let mut ranges = vec![];
        let mut range = 0..to;
        while range.end != from {
            let middle = split(&range);
            if from <= middle {
                ranges.push(middle..range.end);
                range.end = middle;
            } else {
                ranges.push(range.start..middle);
                range.start = middle;
            }
        }
        // What starts at 0 is the older tree itself, and its root is known.
        if range.start > 0 {
            ranges.push(range);
        }
        ranges.reverse();
        ranges
    })
}

/// The left part of a range is the largest complete subtree that leaves something to the right.
fn split(range: &Range<u64>) -> u64 {
    range.start + (1 << (range.end - range.start - 1).ilog2())
}

fn range_root(range: Range<u64>, tiles: &impl TileReader) -> Result<Hash, ProofError> {
    let mut root = None;
    for subtree in subtrees(range) {
        let left = subtree.hash(tiles)?;
        root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
    }
    root.ok_or(ProofError::OutOfRange)
}

fn tiles_of(ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<TileId> {
    let mut tiles: Vec<_> = ranges.into_iter().flat_map(subtrees).map(|subtree| subtree.tile).collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The complete subtrees that a range consists of, from the right.
fn subtrees(range: Range<u64>) -> impl Iterator<Item = Subtree> {
    let Range { start, mut end } = range;
    iter::from_fn(move || {
        (end > start).then(|| {
            let level = (end - start).trailing_zeros();
            end -= 1 << level;
            Subtree::at(level, end)
        })
    })
}

/// A complete subtree, as the part of a tile whose hashes lie under it.
struct Subtree {
    tile: TileId,
    part: Range<usize>,
}

impl Subtree {
    fn at(level: u32, first_leaf: u64) -> Self {
        let (tile_level, height) = (level / u32::from(TILE_HEIGHT), level % u32::from(TILE_HEIGHT));
        let first_hash = first_leaf >> (tile_level * u32::from(TILE_HEIGHT));
        let offset = usize::try_from(first_hash % TILE_WIDTH as u64).expect("an offset in a tile is below 256");
        let tile_level = u8::try_from(tile_level).expect("a level of a 64-bit tree is below 64");
        Self { tile: TileId { level: tile_level, index: first_hash >> TILE_HEIGHT }, part: offset..offset + (1 << height) }
    }

    fn hash(&self, tiles: &impl TileReader) -> Result<Hash, ProofError> {
        let hashes = tiles.tile(self.tile).and_then(|hashes| hashes.get(self.part.clone()));
        hashes.map(complete_root).ok_or(ProofError::MissingTile(self.tile))
    }
}
