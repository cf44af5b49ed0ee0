// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mark is a page that is told which way up: red in its upper left corner, blue
// in its upper right one.
func mark() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 480, 320))
	fill(img, img.Rect, color.White)
	fill(img, image.Rect(0, 0, 160, 100), color.RGBA{220, 0, 0, 255})
	fill(img, image.Rect(320, 0, 480, 100), color.RGBA{0, 0, 220, 255})
	return img
}

// stored is how a camera held in one of eight ways stores a page, by what TIFF
// 6.0 says of row 0 and column 0.
func stored(page image.Image, orientation int) image.Image {
	w, h := page.Bounds().Dx(), page.Bounds().Dy()
	where := [...]func(x, y int) (int, int){ // where a pixel of the page is stored
		1: func(x, y int) (int, int) { return x, y },                 // row 0 is the top, column 0 the left
		2: func(x, y int) (int, int) { return w - 1 - x, y },         // top, right
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }, // bottom, right
		4: func(x, y int) (int, int) { return x, h - 1 - y },         // bottom, left
		5: func(x, y int) (int, int) { return y, x },                 // left, top
		6: func(x, y int) (int, int) { return y, w - 1 - x },         // right, top
		7: func(x, y int) (int, int) { return h - 1 - y, w - 1 - x }, // right, bottom
		8: func(x, y int) (int, int) { return h - 1 - y, x },         // left, bottom
	}[orientation]
	size := image.Pt(w, h)
	if orientation >= 5 {
		size = image.Pt(h, w)
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	for y := range h {
		for x := range w {
			sx, sy := where(x, y)
			out.Set(sx, sy, page.At(x, y))
		}
	}
	return out
}

func isUpright(t *testing.T, img image.Image) {
	t.Helper()
	require.Equal(t, image.Rect(0, 0, 480, 320), img.Bounds())
	for at, want := range map[image.Point]string{{80, 50}: "red", {400, 50}: "blue", {80, 250}: "white",
		{400, 250}: "white", {240, 50}: "white"} {
		r, g, b, _ := img.At(at.X, at.Y).RGBA()
		got := "white"
		switch {
		case r > 0x8000 && g < 0x8000 && b < 0x8000:
			got = "red"
		case b > 0x8000 && g < 0x8000 && r < 0x8000:
			got = "blue"
		case g < 0x8000:
			got = "something else"
		}
		require.Equal(t, want, got, "%v", at)
	}
}

func TestEveryOrientation(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		photo, scan := asJPEG(t, stored(mark(), orientation), 90), asPNG(t, stored(mark(), orientation))
		for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
			block := exif(order, uint16(orientation))
			for kind, content := range map[string][]byte{
				"a photo":          segment(photo, 0xe1, "Exif\x00\x00"+block),
				"after fill bytes": fillBytes(segment(photo, 0xe1, "Exif\x00\x00"+block)),
				"after XMP": segment(segment(photo, 0xe1, "Exif\x00\x00"+block), 0xe1,
					"http://ns.adobe.com/xap/1.0/\x00<x/>"),
				"after an entry unknown": segment(photo, 0xe1, "Exif\x00\x00"+exif(order, uint16(orientation),
					[12]byte{0: 1, 3: 0xee})),
				"the first of two blocks": segment(segment(photo, 0xe1, "Exif\x00\x00"+exif(order, 1)), 0xe1, "Exif\x00\x00"+block),
				"a scan":                  chunk(scan, "eXIf", block),
			} {
				t.Run(strings.Join([]string{string(rune('0' + orientation)), name, kind}, " "), func(t *testing.T) {
					_, img := passes(t, content)
					isUpright(t, img)
				})
			}
		}
	}
}

// A block that is broken or hostile says nothing, and the picture is taken.
func TestBrokenEXIFIsUpright(t *testing.T) {
	photo := asJPEG(t, mark(), 90)
	good := exif(binary.BigEndian, 6)
	wrongType := []byte(good)
	wrongType[13] = 4
	for name, block := range map[string]string{
		"nothing":                "",
		"a word":                 "MM",
		"no number":              "MM\x00*",
		"another byte order":     "XX" + good[2:],
		"another magic":          "MM\x00+" + good[4:],
		"a directory far off":    "MM\x00*\xff\xff\xff\xff" + good[8:],
		"a directory at the end": "MM\x00*\x00\x00\x00\x1d" + good[8:],
		"more entries than are":  "MM\x00*\x00\x00\x00\x08\xff\xff" + strings.Repeat("\x01", 50),
		"its own directory":      "MM\x00*\x00\x00\x00\x00" + good[8:],
		"orientation 0":          exif(binary.BigEndian, 0),
		"orientation 9":          exif(binary.BigEndian, 9),
		"orientation 65535":      exif(binary.LittleEndian, 65535),
		"another type":           string(wrongType),
		"cut off":                good[:15],
	} {
		t.Run(name, func(t *testing.T) {
			_, img := passes(t, segment(photo, 0xe1, "Exif\x00\x00"+block))
			isUpright(t, img)
		})
	}
	// A segment that is longer than the file is no block either.
	_, err := judge([]byte("\xff\xd8\xff\xe1\xff\xffExif\x00\x00" + good))
	require.Error(t, err)
}

// Nothing that was beside the pixels, in either kind, comes along.
func TestMetadataIsGone(t *testing.T) {
	const marker = "52.5200N13.4050E by Erika"
	photo, scan := asJPEG(t, plain(), 80), asPNG(t, plain())
	grey := image.NewGray(image.Rect(0, 0, 400, 400))
	for name, content := range map[string][]byte{
		"EXIF":           segment(photo, 0xe1, "Exif\x00\x00"+exif(binary.BigEndian, 6)+marker),
		"XMP":            segment(photo, 0xe1, "http://ns.adobe.com/xap/1.0/\x00"+marker),
		"ICC":            segment(photo, 0xe2, "ICC_PROFILE\x00\x01\x01"+marker),
		"IPTC":           segment(photo, 0xed, "Photoshop 3.0\x008BIM"+marker),
		"comment":        segment(photo, 0xfe, marker),
		"trailer":        append(bytes.Clone(photo), marker...),
		"tEXt":           chunk(scan, "tEXt", "Author\x00"+marker),
		"iTXt":           chunk(scan, "iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+marker),
		"eXIf":           chunk(scan, "eXIf", exif(binary.BigEndian, 1)+marker),
		"behind a scan":  append(bytes.Clone(scan), marker...),
		"in a grey scan": chunk(asPNG(t, grey), "tEXt", "Author\x00"+marker),
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(content), marker)
			p, _ := passes(t, content)
			clean(t, p.Bytes)
			require.NotContains(t, string(p.Bytes), marker)
			require.NotContains(t, string(p.Bytes), "Erika")
		})
	}
}

// clean checks that a file has nothing but what pixels need.
func clean(t *testing.T, content []byte) {
	t.Helper()
	if bytes.HasPrefix(content, []byte("\x89PNG")) {
		for i := 8; i < len(content); {
			require.Contains(t, []string{"IHDR", "IDAT", "IEND"}, string(content[i+4:i+8]))
			i += 12 + int(binary.BigEndian.Uint32(content[i:]))
		}
		return
	}
	for i := 2; ; {
		require.Equal(t, byte(0xff), content[i])
		require.Contains(t, []byte{0xdb, 0xc0, 0xc4, 0xda}, content[i+1], "a segment that pixels do not need")
		if content[i+1] == 0xda {
			break
		}
		i += 2 + int(binary.BigEndian.Uint16(content[i+2:]))
	}
	require.Equal(t, len(content)-2, bytes.LastIndex(content, []byte("\xff\xd9")))
}
