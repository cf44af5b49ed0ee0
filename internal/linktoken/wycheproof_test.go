package linktoken_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/linktoken"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type hmacVector struct {
	ID                         int `json:"tcId"`
	Comment, Result            string
	Key, IV, AAD, Msg, CT, Tag hexBytes
}

func hmacVectors(t *testing.T, file string, atLeast int) []hmacVector {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	var all struct{ Tests []hmacVector }
	require.NoError(t, json.Unmarshal(text, &all))
	require.GreaterOrEqual(t, len(all.Tests), atLeast)
	return all.Tests
}

func TestHMACAgreesWithWycheproof(t *testing.T) {
	for _, v := range hmacVectors(t, "hmac_sha256.json", 170) {
		made := linktoken.Authenticate(v.Key, v.Msg)[:len(v.Tag)] // half of them are cut to 128 bits, as tickets are
		require.Equal(t, v.Result == "valid", bytes.Equal(v.Tag, made), "%d %s", v.ID, v.Comment)
	}
}
