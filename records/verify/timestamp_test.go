package verify_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/internal/tsatest"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/verify"
)

func roots(t *testing.T, a *tsatest.Authority) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(a.Root)))
	return pool
}

// A time-stamp tells since when a record exists at the latest, and by whom. Whether that one is trusted is the
// verifier's choice.
func TestATimestampIsReported(t *testing.T) {
	a := newArchive(t)
	require.Nil(t, a.verify(a.evidence("refused").Encode()).Timestamp)
	at := time.Now().UTC().Truncate(time.Second)
	a.authority = tsatest.New(t, "Time")
	a.authority.Now = func() time.Time { return at }
	data := a.evidence("individualdeny").Encode()
	r := a.verify(data)
	require.Equal(t, verify.Verified, r.Verdict(), r.Whole)
	require.Equal(t, at.Add(time.Second), r.Timestamp.At)
	require.Equal(t, "CN=Time,O=Example", r.Timestamp.Authority)
	require.False(t, r.Timestamp.Trusted)

	a.verifier.Authorities = roots(t, a.authority)
	r = a.verify(data)
	require.Equal(t, verify.Verified, r.Verdict(), r.Whole)
	require.True(t, r.Timestamp.Trusted)

	a.verifier.Authorities = roots(t, tsatest.New(t, "Time"))
	r = a.verify(data)
	require.Equal(t, verify.Refuted, r.Verdict())
	require.Nil(t, r.Timestamp)
	require.Equal(t, "does not verify: timestamp.tst, the certificate of its authority was not issued for time-stamps "+
		"under a trusted root", r.Whole.String())
}

// Every bit of a token and of what is around it in the bundle counts, also where nothing signs it.
func TestEveryBitOfAToken(t *testing.T) {
	a := newArchive(t)
	a.authority = tsatest.New(t, "Time")
	a.everyBit(a.evidence("refused").Encode(), bundle.TimestampName, 0)
}

// A time-stamp that belongs to something else is named, also by someone who makes the proof anew.
func TestForgedTimestamps(t *testing.T) {
	a := newArchive(t)
	a.authority = tsatest.New(t, "Time")
	early := a.stamp([]byte("a checkpoint of another log"))
	b := a.make(a.find("refused"))
	index, err := a.log.Append(t.Context(), b.Manifest.Record, tlog.RecordHash(b.ManifestBytes()))
	require.NoError(t, err)
	before, err := a.log.Checkpoint(t.Context())
	require.NoError(t, err)
	a.evidence("notified") // the log has another checkpoint now
	for name, token := range map[string][]byte{"of another log": early, "of an earlier checkpoint": a.stamp(before)} {
		r := a.verify(a.provenWith(b, index, token).Encode())
		require.Equal(t, verify.Refuted, r.Verdict(), name)
		require.Equal(t, "does not verify: timestamp.tst, it is a time-stamp of something else", r.Whole.String(), name)
	}
	r := a.verify(a.provenWith(b, index, []byte{}).Encode())
	require.Equal(t, "does not verify: timestamp.tst, it is not one value in DER", r.Whole.String())

	names, with := entries(t, a.evidence("refused").Encode())
	require.Equal(t, bundle.TimestampName, names[2])
	delete(with, bundle.TimestampName)
	r = a.verify(join(names, with))
	require.Equal(t, "does not verify: timestamp.tst, it is missing: the proof has its digest", r.Whole.String())
	other, token := entries(t, a.evidence("individualdeny").Encode())
	require.Equal(t, names, other[:len(names)])
	with[bundle.TimestampName] = token[bundle.TimestampName]
	r = a.verify(join(names, with))
	require.Equal(t, "does not verify: timestamp.tst, it does not match its digest in the proof", r.Whole.String())

	a.authority = nil
	_, without := entries(t, a.evidence("refused").Encode())
	without[bundle.TimestampName] = token[bundle.TimestampName]
	r = a.verify(join(names, without))
	require.Equal(t, "does not verify: timestamp.tst, the proof belongs to evidence without a time-stamp",
		r.Whole.String())
}

// entries are those of a bundle, each with its header and padding, and what is behind the last one.
func entries(t *testing.T, data []byte) (names []string, all map[string][]byte) {
	t.Helper()
	all = map[string][]byte{}
	begin := 0
	for _, p := range places(t, data) {
		names, all[p.name] = append(names, p.name), data[begin:p.end]
		begin = p.end
	}
	return names, all
}

func join(names []string, all map[string][]byte) (data []byte) {
	for _, name := range names {
		data = append(data, all[name]...)
	}
	return data
}
