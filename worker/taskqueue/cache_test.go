package taskqueue

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCasesThatFit(t *testing.T) {
	for limit, want := range map[int64]int{
		math.MaxInt64: MaxCachedCases, 0: MaxCachedCases,
		64 << 20:  100, // less than the worker itself
		256 << 20: (128 << 20) / perCase,
		8 << 30:   MaxCachedCases,
	} {
		require.Equal(t, want, CacheSize(limit), limit)
	}
}
