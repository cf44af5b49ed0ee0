// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
)

// FuzzJudge: whatever comes, no panic; and what passes is a picture within the
// limits, has nothing but pixels, and passes again.
func FuzzJudge(f *testing.F) {
	tiny := resized(card("fuzz", "front"), 48, 32)
	photo, scan := asJPEG(f, tiny, 50), asPNG(f, tiny)
	grey := image.NewGray(image.Rect(0, 0, 40, 33))
	for _, seed := range [][]byte{
		photo, scan, asPNG(f, grey), asJPEG(f, grey, 50), progressive(40, 32, 2),
		segment(photo, 0xe1, "Exif\x00\x00"+exif(binary.LittleEndian, 6)),
		chunk(scan, "eXIf", exif(binary.BigEndian, 8)),
		segment(photo, 0xfe, "<?php "), append(bytes.Clone(photo), "PK\x05\x06PK\x01\x02"...),
		header(40, 32, 16, 6, 1), fillBytes(photo), []byte("%PDF-1.7"), []byte("\x00\x00\x00\x18ftypheic"), {},
	} {
		f.Add(seed)
	}
	limits := imagecheck.Limits{MaxBytes: 1 << 20, MaxPixels: 250_000, MinEdge: 16, MaxEdge: 4000}
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := imagecheck.Check(bytes.NewReader(content), limits)
		if err != nil {
			require.Contains(t, imagecheck.Codes, code(t, err))
			return
		}
		img, _, err := image.Decode(bytes.NewReader(p.Bytes))
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, p.Width, p.Height), img.Bounds())
		require.LessOrEqual(t, max(p.Width, p.Height), 3000)
		clean(t, p.Bytes)
		again, err := imagecheck.Check(bytes.NewReader(p.Bytes), imagecheck.Limits{MaxBytes: 1 << 20, MaxPixels: 250_000,
			MinEdge: 1, MaxEdge: 4000})
		require.NoError(t, err)
		require.Equal(t, [2]int{p.Width, p.Height}, [2]int{again.Width, again.Height})
	})
}
