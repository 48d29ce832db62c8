// Judge checks a log with nothing of Anamnesis in it: Go's own implementation of the tree and of signed notes reads
// the files that a log serves (C2SP tlog-tiles and tlog-checkpoint).
//
//	judge <vkey> <directory> [<older checkpoint>]
//
// The directory holds `checkpoint` and `tile/…`, full and partial tiles of every level. The judge recomputes every
// tile and the root from the leaves, and proves that the older checkpoint's tree is the beginning of this one.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height, width = 8, 256

var empty = tlog.Hash(sha256.Sum256(nil)) // RFC 6962's root of no leaves

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: judge <vkey> <directory> [<older checkpoint>]")
		os.Exit(2)
	}
	verdict, err := judge(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	fmt.Println(verdict)
}

func judge(vkey, directory string, older []string) (string, error) {
	head, err := open(vkey, filepath.Join(directory, "checkpoint"))
	if err != nil {
		return "", err
	}
	if err := recompute(tiles(directory), head); err != nil {
		return "", err
	}
	verdict := fmt.Sprintf("the log holds %d entries under root %v", head.N, head.Hash)
	for _, path := range older {
		first, err := open(vkey, path)
		if err != nil {
			return "", err
		}
		if err := extends(tiles(directory), first, head); err != nil {
			return "", err
		}
		verdict += fmt.Sprintf(" and contains the %d of %v", first.N, first.Hash)
	}
	return verdict, nil
}

// open reads a checkpoint that the key has signed for the log of its own name.
func open(vkey, path string) (head tlog.Tree, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return head, err
	}
	signed, err := os.ReadFile(path)
	if err != nil {
		return head, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return head, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return head, fmt.Errorf("%s is not a checkpoint of %s", path, verifier.Name())
	}
	if _, err := fmt.Sscanf(lines[1], "%d", &head.N); err != nil || fmt.Sprint(head.N) != lines[1] {
		return head, fmt.Errorf("%s has no size", path)
	}
	head.Hash, err = tlog.ParseHash(lines[2])
	return head, err
}

// recompute compares each tile with the leaves under it, and the root with all of them.
func recompute(files tiles, head tlog.Tree) error {
	var stored []tlog.Hash // in the order that tlog wants
	reader := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for level := 0; head.N>>(level*height) > 0; level++ {
		hashes, err := files.level(level, head.N>>(level*height))
		if err != nil {
			return err
		}
		for n, hash := range hashes {
			if level == 0 {
				more, err := tlog.StoredHashesForRecordHash(int64(n), hash, reader)
				if err != nil {
					return err
				}
				stored = append(stored, more...)
			} else if hash != stored[tlog.StoredHashIndex(level*height, int64(n))] {
				return fmt.Errorf("hash %d in tile level %d is not that of the leaves under it", n, level)
			}
		}
	}
	root, err := tlog.TreeHash(head.N, reader)
	if head.N == 0 {
		root = empty // where tlog says zeros
	}
	if err == nil && root != head.Hash {
		err = fmt.Errorf("the leaves give root %v, but %v was signed", root, head.Hash)
	}
	return err
}

// extends proves, as a client without the leaves would, that the first tree is the beginning of the other.
func extends(files tiles, first, head tlog.Tree) error {
	if first.N > head.N {
		return fmt.Errorf("the older checkpoint has %d entries, the log %d", first.N, head.N)
	}
	if first.N == 0 && first.Hash == empty {
		return nil
	}
	proof, err := tlog.ProveTree(head.N, first.N, tlog.TileHashReader(head, files))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, head.N, head.Hash, first.N, first.Hash)
}

// tiles reads a directory of tiles. Their paths are tlog-tiles', which aren't tlog's.
type tiles string

func (t tiles) Height() int                     { return height }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		bytes, err := os.ReadFile(filepath.Join(string(t), path(tile)))
		if err != nil {
			return nil, err
		}
		if len(bytes) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path(tile), len(bytes))
		}
		data = append(data, bytes)
	}
	return data, nil
}

// level reads all hashes of a level of tiles.
func (t tiles) level(level int, hashes int64) (all []tlog.Hash, err error) {
	for first := int64(0); first < hashes; first += width {
		tile := tlog.Tile{H: height, L: level, N: first / width, W: int(min(width, hashes-first))}
		data, err := t.ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return nil, err
		}
		for chunk := range slices.Chunk(data[0], tlog.HashSize) {
			all = append(all, tlog.Hash(chunk))
		}
	}
	return all, nil
}

func path(tile tlog.Tile) string {
	index := fmt.Sprintf("%03d", tile.N%1000)
	for n := tile.N / 1000; n > 0; n /= 1000 {
		index = fmt.Sprintf("x%03d/%s", n%1000, index)
	}
	if tile.W < width {
		index += fmt.Sprintf(".p/%d", tile.W)
	}
	return fmt.Sprintf("tile/%d/%s", tile.L, index)
}
