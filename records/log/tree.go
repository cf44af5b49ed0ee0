package log

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/store"
)

// tileID names the tile with the hashes of 256 subtrees of 256^level leaves each.
type tileID struct {
	level int
	n     int64
}

func (id tileID) name() string {
	return "log/" + torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, L: id.level, N: id.n, W: torchwood.TileWidth})
}

// maxCached is how many tiles, and how many leaves beside them, a log keeps in memory: 2 MiB of tiles.
const maxCached = 256

// reader reads the hashes of the tree for tlog. The tree has size leaves.
type reader struct {
	*Log
	ctx  context.Context
	size int64
}

// ReadHashes implements tlog.HashReader.
func (r reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		var err error
		if hashes[i], err = r.hash(level, n); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// hash is the n'th complete subtree of 2^level leaves.
func (r reader) hash(level int, n int64) (tlog.Hash, error) {
	if level%torchwood.TileHeight == 0 {
		return r.entry(level/torchwood.TileHeight, n)
	}
	left, err := r.hash(level-1, 2*n)
	if err != nil {
		return tlog.Hash{}, err
	}
	right, err := r.hash(level-1, 2*n+1)
	return tlog.NodeHash(left, right), err
}

// entry is a hash as tiles have them.
func (r reader) entry(level int, n int64) (tlog.Hash, error) {
	of := tileID{level, n / torchwood.TileWidth}
	if (of.n+1)<<(torchwood.TileHeight*(level+1)) <= r.size {
		tile, err := r.tile(of)
		if err != nil {
			return tlog.Hash{}, err
		}
		return tile[n%torchwood.TileWidth], nil
	}
	if level > 0 {
		return r.root(tileID{level - 1, n})
	}
	return r.leafHash(n)
}

// root is the hash over a complete tile.
func (r reader) root(id tileID) (tlog.Hash, error) {
	r.mu.Lock()
	known, found := r.roots[id]
	r.mu.Unlock()
	if found {
		return known, nil
	}
	tile, err := r.tile(id)
	if err != nil {
		return tlog.Hash{}, err
	}
	hashes := tile
	for len(hashes) > 1 {
		var above []tlog.Hash
		for i := 0; i < len(hashes); i += 2 {
			above = append(above, tlog.NodeHash(hashes[i], hashes[i+1]))
		}
		hashes = above
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roots[id] = hashes[0]
	return hashes[0], nil
}

// tile is a complete tile: from memory, from the bucket, or made of what is below it and then kept in the bucket.
// Every writer makes the same one.
func (r reader) tile(id tileID) ([]tlog.Hash, error) {
	r.mu.Lock()
	tile, found := r.tiles[id]
	r.mu.Unlock()
	if found {
		return tile, nil
	}
	data, err := r.store.Read(r.ctx, id.name())
	switch {
	case err == nil && len(data) == torchwood.TileWidth*tlog.HashSize:
		for i := range torchwood.TileWidth {
			tile = append(tile, tlog.Hash(data[i*tlog.HashSize:]))
		}
	case err == nil:
		return nil, fmt.Errorf("%s in the bucket is damaged: delete it to have it rebuilt", id.name())
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	default:
		if tile, err = r.makeTile(id); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tiles) >= maxCached {
		clear(r.tiles)
	}
	r.tiles[id] = tile
	return tile, nil
}

func (r reader) makeTile(id tileID) (tile []tlog.Hash, err error) {
	var data []byte
	for i := range int64(torchwood.TileWidth) {
		var hash tlog.Hash
		if id.level == 0 {
			hash, err = r.leafHash(id.n*torchwood.TileWidth + i)
		} else {
			hash, err = r.root(tileID{id.level - 1, id.n*torchwood.TileWidth + i})
		}
		if err != nil {
			return nil, err
		}
		tile, data = append(tile, hash), append(data, hash[:]...)
	}
	if r.signer == nil {
		return tile, nil
	}
	if err := r.store.Create(r.ctx, id.name(), data); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	return tile, nil
}

func (r reader) leafHash(n int64) (tlog.Hash, error) {
	r.mu.Lock()
	known, found := r.leaves[n]
	r.mu.Unlock()
	if found {
		return known, nil
	}
	one, err := r.leaf(r.ctx, n)
	if errors.Is(err, store.ErrNotFound) {
		return tlog.Hash{}, fmt.Errorf("%w: number %d", ErrLost, n)
	}
	if err != nil {
		return tlog.Hash{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.leaves) >= maxCached*torchwood.TileWidth {
		clear(r.leaves)
	}
	r.leaves[n] = one.hash
	return one.hash, nil
}
