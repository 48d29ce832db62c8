#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;

use super::*;
use proof::{consistency, consistency_tiles, inclusion, inclusion_tiles, root, root_tiles, verify_consistency, verify_inclusion};

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

/// The definition in RFC 6962, section 2.1, word for word.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&defined_root(left), &defined_root(right))
        }
    }
}

/// A tree and the tiles it has given out.
fn grown(size: u64) -> (Tree, TileMap) {
    let mut tree = Tree::new();
    let mut stored = TileMap::new();
    grow(&mut tree, &mut stored, size);
    (tree, stored)
}

fn grow(tree: &mut Tree, stored: &mut TileMap, size: u64) {
    tree.extend((tree.size()..size).map(leaf));
    store(tree, stored);
}

fn store(tree: &mut Tree, stored: &mut TileMap) {
    for FullTile { id, hashes } in tree.take_full_tiles() {
        assert!(id.is_full_at(tree.size()));
        assert!(stored.insert(id, hashes).is_none(), "a tile is completed once");
    }
}

/// Only what was asked for, so that a tile the plan forgot is missed.
fn only(tiles: &[TileId], all: &impl TileReader) -> TileMap {
    tiles.iter().map(|id| (*id, all.tile(*id).unwrap().to_vec())).collect()
}

/// All of a small tree, and of a larger one its ends and a sample that differs from size to size.
fn sample(size: u64) -> impl Iterator<Item = u64> {
    (0..=size).filter(move |place| size <= 66 || *place < 2 || size - place < 3 || (place + size).is_multiple_of(11))
}

fn flip(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from(bytes)
}

#[test]
fn the_root_is_the_one_that_rfc_6962_defines() {
    let leaves: Vec<_> = (0..600).map(leaf).collect();
    let mut tree = Tree::new();
    for size in 0..leaves.len() {
        assert_eq!(tree.root(), defined_root(&leaves[..size]), "size {size}");
        tree.push(leaves[size]);
    }
}

#[test]
fn any_earlier_root_can_be_made_again_from_its_tiles_alone() {
    let leaves: Vec<_> = (0..600).map(leaf).collect();
    let (tree, stored) = grown(600);
    for size in 0..=600 {
        let tiles = only(&root_tiles(size), &tree.over(&stored));
        assert_eq!(root(size, &tiles), Ok(defined_root(&leaves[..usize::try_from(size).unwrap()])), "size {size}");
    }
}

#[test]
fn leaves_are_proved_in_trees_of_every_size_and_no_flipped_bit_passes() {
    let (tree, stored) = grown(300);
    let all = tree.over(&stored);
    for size in 1..=300_u64 {
        let head = Head { size, root: root(size, &all).unwrap() };
        for index in sample(size).filter(|index| *index < size) {
            let proof = inclusion(index, size, &only(&inclusion_tiles(index, size), &all)).unwrap();
            let verify = |leaf, head, proof: &[Hash]| verify_inclusion(index, leaf, head, proof);
            assert_eq!(verify(leaf(index), head, &proof), Ok(()), "leaf {index} of {size}");

            let bit = usize::try_from((index * 31 + size) % 256).unwrap();
            assert_eq!(verify(flip(leaf(index), bit), head, &proof), Err(Unproven));
            assert_eq!(verify(leaf(index), Head { root: flip(head.root, bit), ..head }, &proof), Err(Unproven));
            for i in 0..proof.len() {
                let mut flipped = proof.clone();
                flipped[i] = flip(flipped[i], bit);
                assert_eq!(verify(leaf(index), head, &flipped), Err(Unproven), "hash {i}, leaf {index} of {size}");
            }
        }
    }
}

#[test]
fn trees_are_proved_in_later_ones_of_every_size_and_no_flipped_bit_passes() {
    let (tree, stored) = grown(300);
    let all = tree.over(&stored);
    let heads: Vec<_> = (0..=300).map(|size| Head { size, root: root(size, &all).unwrap() }).collect();
    for newer in &heads {
        for older in sample(newer.size).map(|size| &heads[usize::try_from(size).unwrap()]) {
            let (from, to) = (older.size, newer.size);
            let proof = consistency(from, to, &only(&consistency_tiles(from, to), &all)).unwrap();
            assert_eq!(verify_consistency(*older, *newer, &proof), Ok(()), "from {from} to {to}");

            let bit = usize::try_from((from * 31 + to) % 256).unwrap();
            let other = |head: &Head| Head { root: flip(head.root, bit), ..*head };
            assert_eq!(verify_consistency(other(older), *newer, &proof), Err(Unproven), "from {from} to {to}");
            if from > 0 {
                assert_eq!(verify_consistency(*older, other(newer), &proof), Err(Unproven), "from {from} to {to}");
            }
            for i in 0..proof.hashes.len() {
                let mut flipped = proof.clone();
                flipped.hashes[i] = flip(flipped.hashes[i], bit);
                assert_eq!(verify_consistency(*older, *newer, &flipped), Err(Unproven), "hash {i}, from {from} to {to}");
            }
        }
    }
}

#[test]
fn not_one_bit_of_a_proof_can_be_flipped() {
    let (tree, stored) = grown(300);
    let all = tree.over(&stored);
    let (older, newer) = (Head { size: 77, root: root(77, &all).unwrap() }, tree.head());
    let proof = consistency(77, 300, &all).unwrap();
    let path = inclusion(123, 300, &all).unwrap();
    for bit in 0..256 {
        for i in 0..proof.hashes.len() {
            let mut flipped = proof.clone();
            flipped.hashes[i] = flip(flipped.hashes[i], bit);
            assert_eq!(verify_consistency(older, newer, &flipped), Err(Unproven));
        }
        for i in 0..path.len() {
            let mut flipped = path.clone();
            flipped[i] = flip(flipped[i], bit);
            assert_eq!(verify_inclusion(123, leaf(123), newer, &flipped), Err(Unproven));
        }
    }
}

#[test]
fn a_proof_of_another_place_or_length_does_not_hold() {
    let (tree, stored) = grown(300);
    let (all, head) = (tree.over(&stored), tree.head());
    let path = inclusion(123, 300, &all).unwrap();
    for index in (0..310).filter(|index| *index != 123) {
        assert_eq!(verify_inclusion(index, leaf(123), head, &path), Err(Unproven), "at {index}");
    }
    let longer = [&path[..], &[head.root]].concat();
    assert_eq!(verify_inclusion(123, leaf(123), head, &longer), Err(Unproven));
    assert_eq!(verify_inclusion(123, leaf(123), head, &path[1..]), Err(Unproven));
    assert_eq!(verify_inclusion(123, leaf(123), head, &path[..path.len() - 1]), Err(Unproven));

    let older = Head { size: 77, root: root(77, &all).unwrap() };
    let proof = consistency(77, 300, &all).unwrap();
    for from in (0..=300).filter(|from| *from != 77) {
        let moved = Consistency { from, ..proof.clone() };
        assert_eq!(verify_consistency(older, head, &moved), Err(Unproven), "from {from}");
        assert_eq!(verify_consistency(Head { size: from, ..older }, head, &moved), Err(Unproven), "from {from}");
    }
    for hashes in [vec![], proof.hashes[1..].to_vec(), [&proof.hashes[..], &[head.root]].concat()] {
        assert_eq!(verify_consistency(older, head, &Consistency { from: 77, hashes }), Err(Unproven));
    }
    let nothing = |from| Consistency { from, hashes: vec![head.root] };
    assert_eq!(verify_consistency(Head::EMPTY, head, &nothing(0)), Err(Unproven), "more than is needed");
    assert_eq!(verify_consistency(head, head, &nothing(300)), Err(Unproven), "more than is needed");
    assert_eq!(verify_consistency(head, older, &Consistency { from: 300, hashes: vec![] }), Err(Unproven), "backwards");
}

#[test]
fn a_root_does_not_pass_for_that_of_another_size() {
    let (tree, stored) = grown(300);
    let all = tree.over(&stored);
    let (older, whole) = (Head { size: 77, root: root(77, &all).unwrap() }, Head { size: 256, root: root(256, &all).unwrap() });
    let (path, proof) = (inclusion(123, 256, &all).unwrap(), consistency(77, 256, &all).unwrap());
    for size in (124..600).filter(|size| *size != 256) {
        let pretended = Head { size, ..whole };
        // Sizes whose last leaf hangs on a path of the same shape can't be told apart by this leaf, only by a later one.
        let held = verify_inclusion(123, leaf(123), pretended, &path).is_ok();
        assert_eq!(held, (129..=256).contains(&size), "size {size}");
        let held = verify_consistency(older, pretended, &proof).is_ok();
        assert_eq!(held, (129..=256).contains(&size), "size {size}");
    }
    let single = Head { size: 1, root: leaf(0) };
    assert_eq!(verify_inclusion(1, leaf(0), single, &[]), Err(Unproven));
    assert_eq!(verify_inclusion(0, Hash::EMPTY_ROOT, Head::EMPTY, &[]), Err(Unproven));
}

#[test]
fn questions_about_leaves_that_do_not_exist_have_no_answer() {
    let (tree, stored) = grown(300);
    let all = tree.over(&stored);
    assert_eq!(inclusion(300, 300, &all), Err(ProofError::OutOfRange));
    assert_eq!(inclusion(0, 0, &all), Err(ProofError::OutOfRange));
    assert_eq!(consistency(301, 300, &all), Err(ProofError::OutOfRange));
    assert_eq!(root(301, &all), Err(ProofError::MissingTile(TileId { level: 0, index: 1 })));
    assert_eq!(root(300, &stored), Err(ProofError::MissingTile(TileId { level: 0, index: 1 })));
    assert_eq!(Tree::restore(2, &stored).unwrap_err(), ProofError::MissingTile(TileId { level: 0, index: 1 }));
    let cut = TileMap::from([(TileId { level: 0, index: 0 }, (0..128).map(leaf).collect())]);
    assert_eq!(Tree::restore(1, &cut).unwrap_err(), ProofError::MissingTile(TileId { level: 0, index: 0 }));
    assert_eq!(Tree::restore(u64::MAX, &stored).unwrap_err(), ProofError::OutOfRange);
    assert_eq!(root(u64::MAX, &TileMap::new()).unwrap_err(), ProofError::MissingTile(TileId { level: 0, index: u64::MAX >> 8 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Leaves may come in any portions, and the process may stop after any of them.
    #[test]
    fn however_the_leaves_come_the_tree_is_the_same(portions in prop::collection::vec((0_u64..900, any::<bool>()), 1..8)) {
        let (mut tree, mut stored) = grown(0);
        for (portion, restart) in portions {
            let size = tree.size() + portion;
            grow(&mut tree, &mut stored, size);
            if restart {
                let full = size / TILE_WIDTH as u64;
                tree = Tree::restore(full, &only(&Tree::restore_tiles(full), &stored)).unwrap();
                prop_assert_eq!(tree.size(), full * TILE_WIDTH as u64);
                grow(&mut tree, &mut stored, size);
            }
        }
        let (once, stored_once) = grown(tree.size());
        prop_assert_eq!(tree.head(), once.head());
        prop_assert_eq!(stored, stored_once);
    }

    #[test]
    fn a_path_names_one_tile(level in 0_u8..8, index in 0_u64..1 << 56, width in 1_usize..=TILE_WIDTH) {
        let id = TileId { level, index };
        prop_assert_eq!(TileId::from_path(&id.path(width)), Some((id, width)));
    }
}

/// Crosses the first full tile of level 1, at 65,536 leaves.
#[test]
fn a_large_tree_is_restored_and_proved_over_three_levels() {
    const SIZE: u64 = 65_536 * 2 + 256 * 3 + 5;
    let (tree, stored) = grown(SIZE);
    assert!(stored.contains_key(&TileId { level: 1, index: 1 }));
    let full = SIZE / TILE_WIDTH as u64;
    let needed = Tree::restore_tiles(full);
    assert_eq!(needed.len(), 3 + 2);
    let mut restored = Tree::restore(full, &only(&needed, &stored)).unwrap();
    grow(&mut restored, &mut TileMap::new(), SIZE);
    assert_eq!(restored.head(), tree.head());

    let all = restored.over(&stored);
    let leaves: Vec<_> = (0..SIZE).map(leaf).collect();
    for size in [65_535, 65_536, 65_537, 65_536 + 256, SIZE] {
        let head = Head { size, root: root(size, &only(&root_tiles(size), &all)).unwrap() };
        assert_eq!(head.root, defined_root(&leaves[..usize::try_from(size).unwrap()]));
        let proof = consistency(size, SIZE, &only(&consistency_tiles(size, SIZE), &all)).unwrap();
        assert_eq!(verify_consistency(head, tree.head(), &proof), Ok(()));
        let path = inclusion(size - 1, SIZE, &only(&inclusion_tiles(size - 1, SIZE), &all)).unwrap();
        assert_eq!(verify_inclusion(size - 1, leaf(size - 1), tree.head(), &path), Ok(()));
    }
}

#[test]
fn tile_paths_are_those_of_c2sp() {
    let path = |level, index, width| TileId { level, index }.path(width);
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(0, 273, 112), "tile/0/273.p/112");
    assert_eq!(path(2, 1_234_067, 256), "tile/2/x001/x234/067");
    assert_eq!(path(1, 1_000, 1), "tile/1/x001/000.p/1");
    for wrong in [
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/x234",
        "tile/0/x001",
        "tile/8/000",
        "tile/+1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/000.p/",
        "tile/0/",
        "tile/00/000",
        "tile/0/../000",
        "0/000",
        "tile/0/000/",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert_eq!(TileId::from_path(wrong), None, "{wrong}");
    }
}

#[test]
fn a_tile_is_as_wide_as_the_tree_makes_it() {
    let width = |level, index, size| TileId { level, index }.width_at(size);
    assert_eq!([width(0, 0, 0), width(0, 0, 255), width(0, 0, 256), width(0, 0, u64::MAX)], [0, 255, 256, 256]);
    assert_eq!([width(0, 1, 256), width(0, 1, 257), width(1, 0, 255), width(1, 0, 600)], [0, 1, 0, 2]);
    assert_eq!([width(7, 0, u64::MAX), width(8, 0, u64::MAX), width(255, u64::MAX, u64::MAX)], [255, 0, 0]);
}

#[test]
fn a_tile_survives_its_bytes_and_only_whole_hashes_are_read() {
    let hashes: Vec<_> = (0..256).map(leaf).collect();
    let bytes = FullTile { id: TileId { level: 0, index: 0 }, hashes: hashes.clone() }.to_bytes();
    assert_eq!(bytes.len(), 8192);
    assert_eq!(tile_hashes(&bytes), Some(hashes));
    assert_eq!(tile_hashes(&bytes[..33]), None);
    assert_eq!(tile_hashes(&[]), None);
    assert_eq!(tile_hashes(&[0; 8224]), None);
}
