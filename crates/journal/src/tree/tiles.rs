//! How is the tree cut into pieces that are stored once and served for ever? (C2SP tlog-tiles, height 8)
//!
//! A tile of level L holds up to 256 neighbouring hashes of complete subtrees of 256^L leaves. A full tile never
//! changes again; a partial one is the tree's edge and is recomputed rather than stored.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::Hash;

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// Levels of the tree in one level of tiles.
pub(super) const TILE_HEIGHT: u8 = 8;

/// The highest level a tree of 64-bit size can have.
const LAST_LEVEL: u8 = 63 / TILE_HEIGHT;

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for leaves, 1 for the roots of full tiles of level 0, and so on up to 7.
    pub level: u8,
    /// The tile's number in its level, from 0.
    pub index: u64,
}

impl TileId {
    /// How many of the tile's hashes exist in a tree of `size` leaves: 0 to 256.
    pub fn width_at(self, size: u64) -> usize {
        let hashes = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(self.level)).unwrap_or(0);
        let before = self.index.saturating_mul(TILE_WIDTH as u64);
        usize::try_from(hashes.saturating_sub(before)).map_or(TILE_WIDTH, |width| width.min(TILE_WIDTH))
    }

    /// Whether the tile is full, and so stored, in a tree of `size` leaves.
    pub fn is_full_at(self, size: u64) -> bool {
        self.width_at(size) == TILE_WIDTH
    }

    /// The path under which a tile with `width` hashes is served: `tile/0/x001/234` or, while partial, `tile/0/000.p/7`.
    pub fn path(self, width: usize) -> String {
        let mut path = format!("tile/{}/{}", self.level, IndexPath(self.index));
        if width < TILE_WIDTH {
            write!(path, ".p/{width}").expect("a string takes what is written to it");
        }
        path
    }

    /// The tile and width that a path asks for, or `None` if it isn't exactly what [`TileId::path`] writes.
    pub fn from_path(path: &str) -> Option<(Self, usize)> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let id = Self { level: level.parse().ok().filter(|level| *level <= LAST_LEVEL)?, index: parse_index(index)? };
        (width > 0 && id.path(width) == path).then_some((id, width))
    }
}

/// A tile's number in groups of three digits, all but the last marked with an `x`.
struct IndexPath(u64);

impl fmt::Display for IndexPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut divisor = 1;
        while self.0 / divisor >= 1000 {
            divisor *= 1000;
        }
        while divisor > 1 {
            write!(f, "x{:03}/", self.0 / divisor % 1000)?;
            divisor /= 1000;
        }
        write!(f, "{:03}", self.0 % 1000)
    }
}

/// Lenient: [`TileId::from_path`] compares with what would have been written.
fn parse_index(path: &str) -> Option<u64> {
    path.split('/').try_fold(0_u64, |index, group| {
        let digits: u64 = group.trim_start_matches('x').parse().ok()?;
        index.checked_mul(1000)?.checked_add(digits)
    })
}

/// A tile that has just been completed and should be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Where it belongs.
    pub id: TileId,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

impl FullTile {
    /// The 8,192 bytes that are stored and served.
    pub fn to_bytes(&self) -> Vec<u8> {
        tile_bytes(&self.hashes)
    }
}

/// A tile's hashes one after the other, as they are stored and served.
pub fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// A tile's hashes from its bytes, or `None` if these aren't 1 to 256 whole hashes.
pub fn tile_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::LEN }>();
    let whole = rest.is_empty() && (1..=TILE_WIDTH).contains(&hashes.len());
    whole.then(|| hashes.iter().copied().map(Hash::from).collect())
}

/// Where the hashes of a tree are found. It need not be trusted: a wrong hash gives a proof that doesn't verify.
pub trait TileReader {
    /// The tile's hashes as far as they are known here, from the first one on.
    fn tile(&self, id: TileId) -> Option<&[Hash]>;
}

/// Tiles held in memory, as loaded from the store for one question.
pub type TileMap = BTreeMap<TileId, Vec<Hash>>;

impl TileReader for TileMap {
    fn tile(&self, id: TileId) -> Option<&[Hash]> {
        self.get(&id).map(Vec::as_slice)
    }
}

/// The root of a complete subtree: of 1, 2, 4 … 256 hashes.
pub(super) fn complete_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two(), "not a complete subtree");
    let (left, right) = hashes.split_at(hashes.len() / 2);
    if left.is_empty() { right[0] } else { Hash::node(&complete_root(left), &complete_root(right)) }
}
