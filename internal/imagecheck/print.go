package imagecheck

import (
	"encoding/hex"
	"math/bits"
)

// PerceptualHash shows whether two pictures show the same, also if one was compressed
// again or resized. It is a "difference hash" of 16 by 16 places: for each,
// whether the picture gets lighter or darker to the right, or neither, in
// hexadecimal. It is too short to show anything of the picture.
type PerceptualHash string

const (
	places = 16
	// step is by how much of 255 it must get lighter or darker to count.
	step = 4
	// enough is how many of the 256 places must count in each of two pictures: a
	// blank page is like nothing, not even another one.
	enough = 48
	// apart is the share, as one in so many, of those places in which two prints
	// of the same picture differ at most. It is strict: to refuse an honest pair
	// is worse than to let a lazy one pass, since ConnectFi looks as well.
	apart = 8
)

func fingerprint(y plane) PerceptualHash {
	small := y.shrink(y.w, places+1, places)
	var up, down [places * places / 8]byte
	for i := range places * places {
		at := i/places*small.w + i%places
		switch rise := int(small.pix[at+1]) - int(small.pix[at]); {
		case rise >= step:
			up[i/8] |= 1 << (i % 8)
		case rise <= -step:
			down[i/8] |= 1 << (i % 8)
		}
	}
	return PerceptualHash(hex.EncodeToString(append(up[:], down[:]...)))
}

// Similar reports whether two pictures are the same one. Anything that is no print
// is like nothing.
func (p PerceptualHash) Similar(q PerceptualHash) bool {
	a, errA := hex.DecodeString(string(p))
	b, errB := hex.DecodeString(string(q))
	const half = places * places / 8
	if errA != nil || errB != nil || len(a) != 2*half || len(b) != 2*half {
		return false
	}
	var inA, inB, either, differ int
	for i := range half {
		inA += bits.OnesCount8(a[i] | a[half+i])
		inB += bits.OnesCount8(b[i] | b[half+i])
		either += bits.OnesCount8(a[i] | a[half+i] | b[i] | b[half+i])
		differ += bits.OnesCount8((a[i] ^ b[i]) | (a[half+i] ^ b[half+i]))
	}
	return min(inA, inB) >= enough && differ*apart <= either
}
