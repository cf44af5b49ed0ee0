package log

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/store"
)

// VerifyCheckpoint returns the tree of a checkpoint that a log's key signed. public is the public key.
func VerifyCheckpoint(public string, signed []byte) (tlog.Tree, error) {
	policy, err := Policy(public)
	if err != nil {
		return tlog.Tree{}, err
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	return c.Tree, err
}

// CheckpointOf returns the signed checkpoint of the first size leaves. ErrNoCheckpoint if none was ever signed.
func (l *Log) CheckpointOf(ctx context.Context, size int64) ([]byte, error) {
	signed, err := l.store.Read(ctx, checkpointName(size))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoCheckpoint
	}
	return signed, err
}

// ErrNoCheckpoint means that no checkpoint of this size was signed.
var ErrNoCheckpoint = errors.New("the log has no checkpoint of this size")

func checkpointName(size int64) string { return fmt.Sprintf("log/checkpoints/%020d", size) }

// Edge returns the hashes of the largest complete subtrees that a tree of this size is made of, from the left: what
// is needed of it to go on from there.
func (l *Log) Edge(ctx context.Context, size int64) ([]tlog.Hash, error) {
	return reader{l, ctx, size}.ReadHashes(EdgeIndexes(size))
}

// EdgeIndexes are the indexes of the hashes of Edge, as tlog counts them.
func EdgeIndexes(size int64) (indexes []int64) {
	for at := int64(0); at < size; {
		level := bits.Len64(uint64(size-at)) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
		at += 1 << level
	}
	return indexes
}
