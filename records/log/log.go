// Package log is an append-only Merkle log of records in a bucket: a leaf for each record, and signed checkpoints that
// say how many leaves there are and which.
//
// The tree is that of RFC 6962 (golang.org/x/mod/sumdb/tlog). Checkpoints and proofs have the forms of C2SP
// (c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof), which other programs verify. Any number of writers append without a
// leader: the bucket creates each object once, and that decides everything.
//
//	log/leaf/<index>          a leaf's hash in base64, and the record it is of; written once
//	log/place/<record>/<n>    the n'th index at which a writer tried to put the record's leaf; written once
//	log/tile/<level>/<n>      the hashes of 256 subtrees, once they are complete (c2sp.org/tlog-tiles); written once
//	log/checkpoints/<size>    a signed checkpoint; written once
//	log/checkpoint            the latest of them
//	log/stamping/<day>        the size of the checkpoint that the time-stamp of a day is of; written once
//	log/timestamps/<size>     a time-stamp (RFC 3161) of that checkpoint; written once
package log

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/store"
)

// Store is the bucket of a log: package store has one. Create fails with store.ErrExists where an object is there
// already, and Read with store.ErrNotFound where none is.
type Store interface {
	Create(ctx context.Context, name string, data []byte) error
	Replace(ctx context.Context, name string, data []byte) error
	Read(ctx context.Context, name string) ([]byte, error)
	Exists(ctx context.Context, name string) (bool, error)
}

// Errors of a log that is not what it was.
var (
	// ErrLost means that the bucket has lost a leaf which a checkpoint vouches for.
	ErrLost = errors.New("a leaf of the log is missing from the bucket")
	// ErrChanged means that the leaves are not those that a checkpoint vouches for.
	ErrChanged = errors.New("the log's leaves do not match its checkpoint")
	// ErrOtherLeaf means that the log has a leaf of the record with another hash.
	ErrOtherLeaf = errors.New("the log already has a different leaf for this record")
)

// Log is a log in a bucket. It is safe for concurrent use, and several may use one bucket.
type Log struct {
	store    Store
	verifier note.Verifier
	signer   note.Signer // nil for one that only reads
	public   string      // the public part of the key

	mu     sync.Mutex
	size   int64                  // so many leaves are known to be there
	leaves map[int64]tlog.Hash    // of the right edge
	tiles  map[tileID][]tlog.Hash // complete ones
	roots  map[tileID]tlog.Hash   // of complete tiles
}

// New returns the log in a bucket. The key is a signer's (NewKey), or its public part for a log that is only read.
func New(s Store, key string) (*Log, error) {
	l := &Log{store: s, leaves: map[int64]tlog.Hash{}, tiles: map[tileID][]tlog.Hash{}, roots: map[tileID]tlog.Hash{}}
	var err error
	if l.signer, l.verifier, err = parseKey(key); err != nil {
		return nil, err
	}
	l.public, err = publicPart(key, l.verifier.Name())
	return l, err
}

// Name is the name of the log, which is on every checkpoint.
func (l *Log) Name() string { return l.verifier.Name() }

// PublicKey is what the checkpoints of this log are verified with.
func (l *Log) PublicKey() string { return l.public }

// Append makes sure that the log has one leaf of a record, and returns its index. It may be interrupted anywhere and
// repeated by any writer: there is never a second leaf. ErrOtherLeaf if the leaf that is there has another hash.
func (l *Log) Append(ctx context.Context, record string, hash tlog.Hash) (int64, error) {
	// Whoever appends this record goes through the same places in the same order, and goes on to the next one only
	// when another record has the place. So no two places of a record ever have its leaf.
	for n := 1; ; n++ {
		index, err := l.place(ctx, record, n)
		if err != nil {
			return 0, err
		}
		taken, err := l.claim(ctx, index, leaf{hash, record})
		switch {
		case err != nil:
			return 0, err
		case taken.record == record && taken.hash != hash:
			return 0, ErrOtherLeaf
		case taken.record == record:
			return index, nil
		}
	}
}

// Index returns the index of a record's leaf. found is false if the log has none.
func (l *Log) Index(ctx context.Context, record string) (index int64, found bool, err error) {
	for n := 1; ; n++ {
		data, err := l.store.Read(ctx, placeName(record, n))
		if errors.Is(err, store.ErrNotFound) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
		if index, err = parseIndex(data); err != nil {
			return 0, false, err
		}
		switch taken, err := l.leaf(ctx, index); {
		case errors.Is(err, store.ErrNotFound):
			return 0, false, nil
		case err != nil:
			return 0, false, err
		case taken.record == record:
			return index, true, nil
		}
	}
}

// Leaf returns the hash of the leaf at an index, and the name of the record that it is of.
func (l *Log) Leaf(ctx context.Context, index int64) (record string, hash tlog.Hash, err error) {
	one, err := l.leaf(ctx, index)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: number %d", ErrLost, index)
	}
	return one.record, one.hash, err
}

// place is the index of a record's n'th place. If it has none yet it is the end of the log: a free index behind a leaf.
func (l *Log) place(ctx context.Context, record string, n int) (int64, error) {
	name := placeName(record, n)
	data, err := l.store.Read(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		end, err := l.Size(ctx)
		if err != nil {
			return 0, err
		}
		err = l.store.Create(ctx, name, []byte(strconv.FormatInt(end, 10)+"\n"))
		if err == nil {
			return end, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return 0, err
		}
		data, err = l.store.Read(ctx, name)
		if err != nil {
			return 0, err
		}
		return parseIndex(data)
	}
	if err != nil {
		return 0, err
	}
	return parseIndex(data)
}

// claim puts a leaf at an index, unless there is one, and returns the one that is there.
func (l *Log) claim(ctx context.Context, index int64, new leaf) (leaf, error) {
	latest, _, err := l.latest(ctx)
	if err != nil {
		return leaf{}, err
	}
	if index >= latest.N { // below, a leaf was there
		if err = l.store.Create(ctx, leafName(index), new.encode()); err == nil {
			return new, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return leaf{}, err
		}
	}
	there, err := l.leaf(ctx, index)
	if errors.Is(err, store.ErrNotFound) {
		return leaf{}, fmt.Errorf("%w: number %d", ErrLost, index)
	}
	return there, err
}

// Size is how many leaves the log has. Leaves follow one another without gaps: so it looks for a leaf that is not
// there in growing steps behind the last one that is known, and then by halves.
func (l *Log) Size(ctx context.Context) (int64, error) {
	latest, _, err := l.latest(ctx)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	known := max(l.size, latest.N)
	l.mu.Unlock()
	below, above := known, int64(-1) // a log of `below` leaves is there; one of `above` is not
	for step := int64(1); above < 0; step *= 2 {
		switch there, err := l.store.Exists(ctx, leafName(below+step-1)); {
		case err != nil:
			return 0, err
		case there:
			below += step
		default:
			above = below + step
		}
	}
	for above-below > 1 {
		middle := below + (above-below)/2
		there, err := l.store.Exists(ctx, leafName(middle-1))
		if err != nil {
			return 0, err
		}
		if there {
			below = middle
		} else {
			above = middle
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size = max(l.size, below)
	return below, nil
}

// leaf is what stands at one index.
type leaf struct {
	hash   tlog.Hash
	record string
}

func (f leaf) encode() []byte { return fmt.Appendf(nil, "%s %s\n", f.hash, f.record) }

// leaf reads a leaf: store.ErrNotFound if there is none.
func (l *Log) leaf(ctx context.Context, index int64) (leaf, error) {
	data, err := l.store.Read(ctx, leafName(index))
	if err != nil {
		return leaf{}, err
	}
	text, record, found := strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	hash, err := tlog.ParseHash(text)
	if err != nil || !found {
		return leaf{}, fmt.Errorf("leaf %d of the log is damaged", index)
	}
	return leaf{hash, record}, nil
}

func leafName(index int64) string { return fmt.Sprintf("log/leaf/%020d", index) }

func placeName(record string, n int) string { return fmt.Sprintf("log/place/%s/%d", record, n) }

func parseIndex(data []byte) (int64, error) {
	index, err := strconv.ParseInt(strings.TrimSuffix(string(data), "\n"), 10, 64)
	if err != nil || index < 0 {
		return 0, errors.New("an index entry of the log is damaged")
	}
	return index, nil
}
