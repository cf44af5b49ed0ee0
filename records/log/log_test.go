package log_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/log"
	"durablekyc.example/records/store"
)

func bucket(t *testing.T) *store.Bucket {
	t.Helper()
	b, err := store.Open(t.Context(), "mem://")
	require.NoError(t, err)
	return b
}

func keys(t *testing.T) (private, public string) {
	t.Helper()
	private, public, err := log.NewKey("kyc.example.com/records")
	require.NoError(t, err)
	return private, public
}

func hashOf(record string) tlog.Hash { return tlog.RecordHash([]byte("manifest of " + record)) }

func open(t *testing.T, s log.Store, key string) *log.Log {
	t.Helper()
	l, err := log.New(s, key)
	require.NoError(t, err)
	return l
}

// leaves reads every leaf out of the bucket, in order and without the log's own code.
func leaves(t *testing.T, b *store.Bucket) (hashes []tlog.Hash, records []string) {
	t.Helper()
	require.NoError(t, b.List(t.Context(), "log/leaf/", func(name string) error {
		require.Equal(t, fmt.Sprintf("log/leaf/%020d", len(hashes)), name, "the leaves have no gap")
		data, err := b.Read(t.Context(), name)
		require.NoError(t, err)
		hash, record, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
		parsed, err := tlog.ParseHash(hash)
		require.NoError(t, err)
		hashes, records = append(hashes, parsed), append(records, record)
		return nil
	}))
	return hashes, records
}

// flat computes the tree of leaves that are all in memory, by tlog alone.
func flat(t *testing.T, leaves []tlog.Hash) tlog.Hash {
	t.Helper()
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (all []tlog.Hash, err error) {
		for _, i := range indexes {
			all = append(all, stored[i])
		}
		return all, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, read)
		require.NoError(t, err)
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	require.NoError(t, err)
	return root
}

// sound checks that the log has each record once, and that its checkpoint is of the leaves that are there.
func sound(t *testing.T, b *store.Bucket, private, public string, want int) {
	t.Helper()
	l := open(t, b, private)
	signed, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	policy, err := log.Policy(public)
	require.NoError(t, err)
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	require.NoError(t, err)
	hashes, records := leaves(t, b)
	require.EqualValues(t, want, checkpoint.N)
	require.Len(t, records, want)
	require.Equal(t, flat(t, hashes), checkpoint.Hash)
	seen := map[string]bool{}
	for i, record := range records {
		require.False(t, seen[record], "%s has two leaves", record)
		seen[record] = true
		require.Equal(t, hashOf(record), hashes[i])
		index, found, err := l.Index(t.Context(), record)
		require.NoError(t, err)
		require.True(t, found)
		require.EqualValues(t, i, index)
	}
}

// Every proof of a log with more than two levels of tiles is verified by another program's library.
func TestProofsAreVerifiedByTorchwood(t *testing.T) {
	const size = 600
	b := bucket(t)
	private, public := keys(t)
	l := open(t, b, private)
	for i := range size {
		record := fmt.Sprintf("R%d/run", i)
		index, err := l.Append(t.Context(), record, hashOf(record))
		require.NoError(t, err)
		require.EqualValues(t, i, index)
	}
	sound(t, b, private, public, size)
	policy, err := log.Policy(public)
	require.NoError(t, err)
	reader := open(t, b, public)
	for i := range int64(size) {
		proof, err := reader.Prove(t.Context(), i, []byte("extra"))
		require.NoError(t, err)
		require.NoError(t, torchwood.VerifyProof(policy, hashOf(fmt.Sprintf("R%d/run", i)), proof))
		require.Error(t, torchwood.VerifyProof(policy, hashOf("another"), proof))
	}
	_, other := keys(t)
	wrong, err := log.Policy(other)
	require.NoError(t, err)
	proof, err := reader.Prove(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Error(t, torchwood.VerifyProof(wrong, hashOf("R0/run"), proof))
}

// A tree of a million leaves needs tiles of tiles: what is made of them is what tlog makes of the leaves.
func TestTilesOfTiles(t *testing.T) {
	const size = 256*256 + 256 + 3
	b := bucket(t)
	var hashes []tlog.Hash
	for i := range size {
		record := fmt.Sprintf("R%d/run", i)
		hashes = append(hashes, hashOf(record))
		require.NoError(t, b.Create(t.Context(), fmt.Sprintf("log/leaf/%020d", i),
			fmt.Appendf(nil, "%s %s\n", hashes[i], record)))
	}
	private, public := keys(t)
	l := open(t, b, private)
	signed, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	policy, err := log.Policy(public)
	require.NoError(t, err)
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	require.NoError(t, err)
	require.EqualValues(t, size, checkpoint.N)
	require.Equal(t, flat(t, hashes), checkpoint.Hash)
	again := open(t, b, public) // reads the tiles that the first one made
	for _, i := range []int64{0, 255, 256, 65535, 65536, size - 1} {
		proof, err := again.Prove(t.Context(), i, nil)
		require.NoError(t, err)
		require.NoError(t, torchwood.VerifyProof(policy, hashes[i], proof))
	}
}

func TestAppendingAgainFindsTheLeaf(t *testing.T) {
	b := bucket(t)
	private, public := keys(t)
	for range 3 {
		for i := range 5 {
			record := fmt.Sprintf("R%d/run", i)
			index, err := open(t, b, private).Append(t.Context(), record, hashOf(record))
			require.NoError(t, err)
			require.EqualValues(t, i, index)
		}
		sound(t, b, private, public, 5)
	}
	_, err := open(t, b, private).Append(t.Context(), "R1/run", hashOf("R2/run"))
	require.ErrorIs(t, err, log.ErrOtherLeaf)
	_, found, err := open(t, b, private).Index(t.Context(), "R9/run")
	require.NoError(t, err)
	require.False(t, found)
}

// Each checkpoint begins with what the one before vouches for, and a log that was changed gets no other one.
func TestCheckpointsAreConsistent(t *testing.T) {
	b := bucket(t)
	private, public := keys(t)
	l := open(t, b, private)
	empty, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	require.Nil(t, empty)
	for i := range 20 {
		record := fmt.Sprintf("R%d/run", i)
		_, err := l.Append(t.Context(), record, hashOf(record))
		require.NoError(t, err)
		_, err = l.Checkpoint(t.Context())
		require.NoError(t, err)
	}
	hashes, _ := leaves(t, b)
	policy, err := log.Policy(public)
	require.NoError(t, err)
	count := 0
	require.NoError(t, b.List(t.Context(), "log/checkpoints/", func(name string) error {
		signed, err := b.Read(t.Context(), name)
		require.NoError(t, err)
		checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
		require.NoError(t, err)
		count++
		require.EqualValues(t, count, checkpoint.N)
		require.Equal(t, flat(t, hashes[:count]), checkpoint.Hash)
		return nil
	}))
	require.Equal(t, 20, count)

	require.NoError(t, b.Replace(t.Context(), "log/leaf/00000000000000000003",
		fmt.Appendf(nil, "%s R3/run\n", sha256Hash("forged"))))
	changed := open(t, b, private)
	_, err = changed.Append(t.Context(), "R20/run", hashOf("R20/run"))
	require.NoError(t, err)
	_, err = changed.Checkpoint(t.Context())
	require.ErrorIs(t, err, log.ErrChanged)
}

func sha256Hash(text string) tlog.Hash { return sha256.Sum256([]byte(text)) }

// lossy forgets one object.
type lossy struct {
	*store.Bucket
	lost string
}

func (l lossy) Read(ctx context.Context, name string) ([]byte, error) {
	if name == l.lost {
		return nil, store.ErrNotFound
	}
	return l.Bucket.Read(ctx, name)
}

func (l lossy) Create(ctx context.Context, name string, data []byte) error {
	if name == l.lost {
		return nil
	}
	return l.Bucket.Create(ctx, name, data)
}

// A leaf that the bucket has lost is never written again by another record.
func TestALostLeafIsReported(t *testing.T) {
	b := bucket(t)
	private, _ := keys(t)
	l := open(t, b, private)
	for i := range 5 {
		record := fmt.Sprintf("R%d/run", i)
		_, err := l.Append(t.Context(), record, hashOf(record))
		require.NoError(t, err)
	}
	_, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	without := open(t, lossy{b, "log/leaf/00000000000000000002"}, private)
	_, err = without.Append(t.Context(), "R2/run", hashOf("R2/run"))
	require.ErrorIs(t, err, log.ErrLost)
	require.NoError(t, b.Create(t.Context(), "log/place/R7/run/1", []byte("2\n")))
	_, err = without.Append(t.Context(), "R7/run", hashOf("R7/run"))
	require.ErrorIs(t, err, log.ErrLost)
	_, err = without.Append(t.Context(), "R8/run", hashOf("R8/run"))
	require.NoError(t, err)
	_, err = without.Checkpoint(t.Context())
	require.ErrorIs(t, err, log.ErrLost)
}

func TestKeysOfLogs(t *testing.T) {
	private, public := keys(t)
	for _, key := range []string{"", "PRIVATE+KEY+x", private[:len(private)-2], public[1:]} {
		_, err := log.New(bucket(t), key)
		require.ErrorContains(t, err, "not a log's ", key)
		require.NotContains(t, err.Error(), private[20:])
	}
	b := bucket(t)
	l := open(t, b, private)
	_, err := l.Append(t.Context(), "R1/run", hashOf("R1/run"))
	require.NoError(t, err)
	_, err = l.Checkpoint(t.Context())
	require.NoError(t, err)
	other, _ := keys(t)
	_, err = open(t, b, other).Checkpoint(t.Context())
	require.ErrorContains(t, err, "not signed with its key")
}

// The public part of a key is that which was drawn with it, whatever its base64 looks like.
func TestThePublicPartOfAKey(t *testing.T) {
	for range 100 {
		private, public := keys(t)
		require.Equal(t, public, open(t, bucket(t), private).PublicKey())
		require.Equal(t, public, open(t, bucket(t), public).PublicKey())
	}
}

// Where the latest checkpoint is lost, the log is not signed again with other leaves than before.
func TestALostCheckpoint(t *testing.T) {
	b := bucket(t)
	private, _ := keys(t)
	signed := func(s log.Store) ([]byte, error) { return open(t, s, private).Checkpoint(t.Context()) }
	for i := range 3 {
		record := fmt.Sprintf("R%d/run", i)
		_, err := open(t, b, private).Append(t.Context(), record, hashOf(record))
		require.NoError(t, err)
	}
	before, err := signed(b)
	require.NoError(t, err)
	after, err := signed(lossy{b, "log/checkpoint"})
	require.NoError(t, err)
	require.Equal(t, before, after)

	other := fmt.Appendf(nil, "%s R1/run\n", hashOf("another"))
	require.NoError(t, b.Replace(t.Context(), "log/leaf/00000000000000000001", other))
	_, err = signed(lossy{b, "log/checkpoint"})
	require.ErrorIs(t, err, log.ErrChanged)
}
