package exam

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Rule is how a sample is drawn, in words: an auditor can do it again with any tool.
const Rule = "Of the rows that are in the period, those n whose SHA-256(seed, a zero byte, leaf) is smallest: seed as " +
	"UTF-8, leaf as 32 bytes, digests compared as bytes from the left."

// Draw returns the indexes of the sample, in ascending order.
func Draw(rows []Row, seed string, n int) (indexes []int64) {
	type ticket struct {
		index  int64
		digest [sha256.Size]byte
	}
	var all []ticket
	for _, r := range rows {
		leaf, err := hex.DecodeString(r.Leaf)
		if err == nil && r.InPeriod {
			all = append(all, ticket{r.Index, sha256.Sum256(slices.Concat([]byte(seed), []byte{0}, leaf))})
		}
	}
	slices.SortFunc(all, func(a, b ticket) int {
		return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), cmp.Compare(a.index, b.index))
	})
	for _, t := range all[:min(n, len(all))] {
		indexes = append(indexes, t.index)
	}
	slices.Sort(indexes)
	return indexes
}
