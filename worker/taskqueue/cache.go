package taskqueue

import "math"

// A worker keeps cases in memory between two of their events, or it would have
// to read and replay a case's history for each. How much that takes was read off
// a worker with 1,500 of them: 175 MB resident, 60 MB without (docs/performance.md).
const (
	baseMemory = 128 << 20 // bytes of a worker without one: activities, images on their way
	perCase    = 80 << 10  // bytes of a case, with what Go has not collected yet
)

// MaxCachedCases is where more cached cases gain nothing: most of those that
// wait have nothing to do for hours, and one that is not cached costs its next
// event a few milliseconds.
const MaxCachedCases = 10_000

// CacheSize is how many cases a worker may keep in so many bytes, such as
// Go's memory limit: a hundred at the least. No limit is MaxCachedCases.
func CacheSize(limit int64) int {
	if limit <= 0 || limit == math.MaxInt64 {
		return MaxCachedCases
	}
	return int(min(max((limit-baseMemory)/perCase, 100), MaxCachedCases))
}
