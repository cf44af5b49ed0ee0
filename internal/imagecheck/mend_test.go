// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	stdpng "image/png"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
)

// spoiled is a chunk whose sum is wrong.
func spoiled(name, payload string) []byte {
	out := oneChunk(name, payload)
	out[len(out)-1] ^= 1
	return out
}

// ofScan is a png of a scan's pixels, with other chunks around them, and without an end.
func ofScan(scan []byte, before, pixels, behind []byte) []byte {
	return slices.Concat(scan[:33], before, pixels, behind)
}

func deflate(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// What every viewer shows, and image/png and image/jpeg refuse.
func TestWhatViewersPassOverIsPassedOver(t *testing.T) {
	scan, photo := asPNG(t, plain()), asJPEG(t, plain(), 80)
	var data string // all that is deflated
	for at := 33; string(scan[at+4:at+8]) == "IDAT"; {
		size := int(binary.BigEndian.Uint32(scan[at:]))
		data += string(scan[at+8 : at+8+size])
		at += 12 + size
	}
	grey := image.NewGray(image.Rect(0, 0, 800, 500))
	for i := range grey.Pix {
		grey.Pix[i] = plain().Pix[4*i]
	}
	greyScan := asPNG(t, grey)
	end, pixels, wrong := oneChunk("IEND", ""), oneChunk("IDAT", data), data[:len(data)-1]+string(data[len(data)-1]^1)
	half := len(photo) - 2
	for name, test := range map[string]struct{ content, same []byte }{
		"a comment's wrong sum":      {ofScan(scan, spoiled("tEXt", "Software\x00x"), pixels, end), scan},
		"a profile's wrong sum":      {ofScan(scan, spoiled("iCCP", "icc\x00\x00x"), pixels, end), scan},
		"a resolution's wrong sum":   {ofScan(scan, spoiled("pHYs", "123456789"), pixels, end), scan},
		"a private chunk behind":     {ofScan(scan, nil, pixels, append(spoiled("prVt", "x"), end...)), scan},
		"a turn whose sum is wrong":  {ofScan(scan, spoiled("eXIf", exif(binary.BigEndian, 6)), pixels, end), scan},
		"a transparency's wrong sum": {ofScan(scan, spoiled("tRNS", "\x00\x00\x00\x00\x00\x00"), pixels, end), scan},
		"a transparency behind": {ofScan(scan, nil, pixels, append(oneChunk("tRNS", "\x00\x00\x00\x00\x00\x00"),
			end...)), scan},
		"a transparency of another size": {ofScan(scan, oneChunk("tRNS", "x"), pixels, end), scan},
		"colours of a grey picture":      {chunk(greyScan, "PLTE", "\x01\x02\x03"), greyScan},
		"a comment among the pixels": {ofScan(scan, nil, slices.Concat(oneChunk("IDAT", data[:100]),
			spoiled("tEXt", "x"), oneChunk("IDAT", data[100:])), end), scan},
		"an end with a wrong sum":      {ofScan(scan, nil, pixels, spoiled("IEND", "")), scan},
		"no end":                       {ofScan(scan, nil, pixels, nil), scan},
		"half an end":                  {ofScan(scan, nil, pixels, end[:6]), scan},
		"cut in the sum of the pixels": {ofScan(scan, nil, pixels[:len(pixels)-2], nil), scan},
		"cut in the sum within":        {ofScan(scan, nil, pixels[:len(pixels)-6], nil), scan},
		"a sum of pixels is wrong":     {ofScan(scan, nil, spoiled("IDAT", data), end), scan},
		"the sum within is wrong":      {ofScan(scan, nil, oneChunk("IDAT", wrong), end), scan},
		"a jpg without its end":        {photo[:half], photo},
		"a jpg with half of its end":   {photo[:half+1], photo},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := passes(t, test.same)
			got, _ := passes(t, test.content)
			require.True(t, bytes.Equal(want.Bytes, got.Bytes), "other pixels")
		})
	}
	for name, content := range map[string][]byte{
		"both sums are wrong":      ofScan(scan, nil, spoiled("IDAT", wrong), end),
		"half of the pixels":       ofScan(scan, nil, oneChunk("IDAT", data[:len(data)/2]), end),
		"cut in the pixels":        scan[:len(scan)/2],
		"cut in the last pixels":   ofScan(scan, nil, pixels[:len(pixels)-4-4-6], nil),
		"a wrong sum of its size":  slices.Concat(scan[:32], []byte{scan[32] ^ 1}, pixels, end),
		"more pixels than claimed": ofScan(scan, nil, oneChunk("IDAT", deflate(t, strings.Repeat("\x00", 1<<22))), end),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge(content)
			require.Equal(t, imagecheck.CodeBroken, code(t, err), "%v", err)
		})
	}
}

// Pictures that users sent, and other programs had written, are taken as well.
func TestPicturesAsUsersSendThemAreTaken(t *testing.T) {
	for _, name := range []string{"profile-wrong-sum.png", "comment-wrong-sum.png"} {
		content, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		_, err = stdpng.Decode(bytes.NewReader(content))
		require.ErrorContains(t, err, "checksum", "image/png must refuse %s, or it shows nothing", name)
		passes(t, content)
	}
}

// A photo that was cut off anywhere has lost pixels, whatever end it is given.
func TestACutPhotoStaysBroken(t *testing.T) {
	photo := asJPEG(t, plain(), 80)
	begin := bytes.Index(photo, []byte("\xff\xda"))
	for part := range 40 {
		cut := begin + 20 + (len(photo)-begin-20-16)*part/39
		for _, end := range []string{"", "\xff\xd9"} {
			_, err := judge(append(bytes.Clone(photo[:cut]), end...))
			require.Equal(t, imagecheck.CodeBroken, code(t, err), "%d of %d bytes", cut, len(photo))
		}
	}
	// Between two scans all of the bytes are good, and yet one scan is missing.
	scans := progressive(320, 320, 3)
	_, err := judge(scans[:len(scans)-2])
	require.Equal(t, imagecheck.CodeBroken, code(t, err))
}

// image/jpeg cannot read these, and browsers can. The page draws them anew; a
// program's user is told a way out.
func TestWhatIsTooRareNamesAWayOut(t *testing.T) {
	for _, name := range []string{"progressive-restarts.jpg", "unequal-chroma.jpg"} {
		content, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		_, err = judge(content)
		require.Equal(t, imagecheck.CodeOtherKind, code(t, err), name)
		require.ErrorContains(t, err, "screenshot", name)
		require.NotContains(t, err.Error(), "damaged", name)
	}
}
