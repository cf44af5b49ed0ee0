// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
)

func judge(content []byte) (imagecheck.Picture, error) {
	return imagecheck.Check(bytes.NewReader(content), imagecheck.DefaultLimits())
}

func passes(t *testing.T, content []byte) (imagecheck.Picture, image.Image) {
	t.Helper()
	p, err := judge(content)
	require.NoError(t, err)
	img, kind, err := image.Decode(bytes.NewReader(p.Bytes))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"jpg": "jpeg", "png": "png"}[p.Extension], kind)
	require.Equal(t, image.Rect(0, 0, p.Width, p.Height), img.Bounds())
	return p, img
}

func code(t *testing.T, err error) string {
	t.Helper()
	var refused *imagecheck.RefusedError
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Reason)
	require.Equal(t, refused.Code == imagecheck.CodeTooLarge, errors.Is(err, imagecheck.ErrTooLarge))
	return refused.Code
}

// plain is a small card, once as a photo and once as a scan.
var plain = sync.OnceValue(func() *image.RGBA { return resized(card("plain", "front"), 800, 500) })

func TestKindsOfPicturesThatPass(t *testing.T) {
	colours := plain()
	photo, scan := asJPEG(t, colours, 80), asPNG(t, colours)
	grey, palette := image.NewGray(colours.Rect), image.NewPaletted(colours.Rect, color.Palette{color.White, color.Black,
		color.RGBA{200, 0, 0, 255}})
	deep, deepGrey, clear := image.NewNRGBA64(colours.Rect), image.NewGray16(colours.Rect), image.NewNRGBA(colours.Rect)
	for y := range 500 {
		for x := range 800 {
			c := colours.At(x, y)
			grey.Set(x, y, c)
			palette.Set(x, y, c)
			deep.Set(x, y, c)
			deepGrey.Set(x, y, c)
			if r, _, _, _ := c.RGBA(); r < 0x8000 { // ink on nothing, and the nothing would be black
				clear.Set(x, y, color.NRGBA{0, 0, 0, 255})
			}
		}
	}
	film := "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + strings.Repeat("moov", 100_000)
	for name, test := range map[string]struct {
		content   []byte
		extension string
		corner    uint8 // the brightness at 4, 4
	}{
		"a photo":               {photo, "jpg", 235},
		"a photo in grey":       {asJPEG(t, grey, 90), "jpg", 235},
		"a scan in colour":      {scan, "jpg", 235},
		"a scan in grey":        {asPNG(t, grey), "png", 235},
		"a scan in deep grey":   {asPNG(t, deepGrey), "png", 235},
		"a scan in deep colour": {asPNG(t, deep), "jpg", 235},
		"a palette":             {asPNG(t, palette), "jpg", 255},
		"transparent is white":  {asPNG(t, clear), "jpg", 255},
		"a motion photo":        {append(bytes.Clone(photo), film...), "jpg", 235},
		"a Samsung trailer": {append(bytes.Clone(photo),
			"\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1700000000000SEFH\x6b\x00\x00\x00SEFT"...), "jpg", 235},
		"two photos": {append(bytes.Clone(photo), photo...), "jpg", 235},
		"the words of a ZIP by accident": {append(bytes.Clone(photo), "PK\x05\x06"+strings.Repeat("\x00", 40)...), "jpg",
			235},
		"XMP": {segment(photo, 0xe1,
			"http://ns.adobe.com/xap/1.0/\x00<?xpacket begin=''?><x:xmpmeta/>"), "jpg", 235},
		"an animation's first picture": {chunk(scan, "acTL", "\x00\x00\x00\x01\x00\x00\x00\x00"), "jpg", 235},
		"fill bytes":                   {fillBytes(photo), "jpg", 235},
		"progressive":                  {progressive(320, 320, 100), "jpg", 128},
		"CMYK":                         {cmyk(t, 40), "jpg", 6}, // that is 40/255 of white, times as much of black again
		"an interlaced scan":           {interlaced(t, 320), "jpg", 20},
	} {
		t.Run(name, func(t *testing.T) {
			p, img := passes(t, test.content)
			require.Equal(t, test.extension, p.Extension)
			require.InDelta(t, test.corner, color.GrayModel.Convert(img.At(4, 4)).(color.Gray).Y, 16)
		})
	}
}

func TestSizes(t *testing.T) {
	for name, test := range map[string]struct{ w, h, wantW, wantH int }{
		"the smallest":     {300, 300, 300, 300},
		"odd":              {801, 501, 801, 501},
		"just as it is":    {3000, 2000, 3000, 2000},
		"a little larger":  {3001, 2001, 3000, 2000},
		"a photo, upright": {3024, 4032, 2250, 3000},
		"a strip":          {12000, 1200, 3000, 300},
	} {
		t.Run(name, func(t *testing.T) {
			p, img := passes(t, asJPEG(t, image.NewYCbCr(image.Rect(0, 0, test.w, test.h), image.YCbCrSubsampleRatio420), 60))
			require.Equal(t, [2]int{test.wantW, test.wantH}, [2]int{p.Width, p.Height})
			require.Equal(t, test.wantW, img.Bounds().Dx())
		})
	}
	// A photo of a card, 16 megapixels with grain, leaves with this much.
	large := noisy(resized(onTable(card("a", "front")), 4600, 3450), 4)
	p, _ := passes(t, asJPEG(t, large, 92))
	t.Logf("16 megapixels leave as %d by %d in %d KB", p.Width, p.Height, len(p.Bytes)/1024)
	require.Less(t, len(p.Bytes), 3<<20)

	// Nothing leaves that is larger than what is taken: noise that was kept
	// badly gets larger when it is kept well.
	grain := noisy(image.NewRGBA(image.Rect(0, 0, 700, 700)), 90)
	limits := imagecheck.DefaultLimits()
	rough := asJPEG(t, grain, 50)
	limits.MaxBytes = int64(len(rough)) * 11 / 10
	p, err := imagecheck.Check(bytes.NewReader(rough), limits)
	require.NoError(t, err)
	require.Less(t, int64(len(p.Bytes)), limits.MaxBytes)
	rough = asJPEG(t, grain, 3)
	limits.MaxBytes = int64(len(rough))
	_, err = imagecheck.Check(bytes.NewReader(rough), limits)
	require.Equal(t, imagecheck.CodeTooLarge, code(t, err))
}

func TestEveryChannelIsShrunkAlike(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio420} {
		img := image.NewYCbCr(image.Rect(0, 0, 4001, 2001), ratio)
		for y := range 2001 {
			for x := range 4001 {
				c := color.RGBA{uint8(x / 16), uint8(y / 8), 60, 255}
				img.Y[img.YOffset(x, y)], img.Cb[img.COffset(x, y)], img.Cr[img.COffset(x, y)] = color.RGBToYCbCr(c.R, c.G, c.B)
			}
		}
		_, got := passes(t, asJPEG(t, img, 95))
		for _, at := range []image.Point{{10, 10}, {2900, 20}, {1500, 750}, {30, 1480}, {2980, 1490}} {
			r, g, b, _ := got.At(at.X, at.Y).RGBA()
			require.InDelta(t, at.X*4001/3000/16, r>>8, 6, "%v %v", ratio, at)
			require.InDelta(t, at.Y*4001/3000/8, g>>8, 6, "%v %v", ratio, at)
			require.InDelta(t, 60, b>>8, 8, "%v %v", ratio, at)
		}
	}
}

// Whatever is missing of its pixels, a picture is refused, and fast. (A missing
// end marker is passed over: see mend_test.go.)
func TestCutOff(t *testing.T) {
	for _, whole := range [][]byte{asJPEG(t, plain(), 80), asPNG(t, plain())} {
		for tenth := 1; tenth < 10; tenth++ {
			_, err := judge(whole[:len(whole)*tenth/10])
			require.Equal(t, imagecheck.CodeBroken, code(t, err), "%d tenths", tenth)
		}
	}
}

// endless is a photo that never ends.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	copy(p, "\xff\xd8\xff")
	e.read += int64(len(p))
	return len(p), nil
}

func TestAnEndlessReaderIsLeft(t *testing.T) {
	var e endless
	_, err := imagecheck.Check(&e, imagecheck.DefaultLimits())
	require.Equal(t, imagecheck.CodeTooLarge, code(t, err))
	require.Equal(t, int64(imagecheck.DefaultMaxBytes+1), e.read)
}

func TestAReaderThatFailsIsNoRefusal(t *testing.T) {
	dead := errors.New("the line went dead")
	_, err := imagecheck.Check(io.MultiReader(bytes.NewReader(asPNG(t, plain())), iotest.ErrReader(dead)),
		imagecheck.DefaultLimits())
	require.ErrorIs(t, err, dead)
	var refused *imagecheck.RefusedError
	require.NotErrorAs(t, err, &refused)
}

func TestEqualFilesMakeEqualPictures(t *testing.T) {
	for _, content := range [][]byte{asJPEG(t, plain(), 80), asPNG(t, plain())} {
		first, _ := passes(t, content)
		for range 3 {
			again, _ := passes(t, content)
			require.Equal(t, first, again)
		}
		// What is beside the pixels makes no other picture.
		if first.Extension == "jpg" && bytes.HasPrefix(content, []byte("\xff\xd8")) {
			told, _ := passes(t, segment(content, 0xfe, "taken at home"))
			require.Equal(t, first, told)
		}
		again, _ := passes(t, first.Bytes)
		require.True(t, first.Print.Similar(again.Print), "what was judged passes again")
	}
}

// TestMemory measures what Judge's comment says.
func TestMemory(t *testing.T) {
	for name, test := range map[string]struct {
		content func() []byte
		most    uint64
		refused bool
	}{
		"12 megapixels": {func() []byte {
			return asJPEG(t, image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420), 90)
		}, 40 << 20, false},
		"60 megapixels": {func() []byte {
			return asJPEG(t, image.NewYCbCr(image.Rect(0, 0, 8944, 6708), image.YCbCrSubsampleRatio420), 90)
		}, 160 << 20, false},
		"60 in a png": {func() []byte { return asPNG(t, image.NewNRGBA(image.Rect(0, 0, 8944, 6708))) }, 320 << 20, false},
		"a png bomb": {func() []byte { return append(header(100_000, 100_000, 8, 6, 0), make([]byte, 1000)...) }, 1 << 20,
			true},
		"a jpg bomb": {func() []byte { return resize(asJPEG(t, plain(), 80), 65535, 65535) }, 1 << 20, true},
		"a png's claim": {func() []byte {
			return append(header(9000, 6000, 8, 6, 0), oneChunk("IDAT", "\x78\x9c"+strings.Repeat("\x00", 1000))...)
		}, 1 << 20, true},
		"a jpg's claim": {func() []byte { return resize(asJPEG(t, plain(), 80), 5000, 10000) }, 1 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			content := test.content()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := judge(content)
			runtime.ReadMemStats(&after)
			require.Equal(t, test.refused, err != nil, "%v", err)
			used := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d MB allocated in all", used>>20)
			require.Less(t, used, test.most)
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	photo := asJPEG(b, noisy(resized(onTable(card("a", "front")), 4000, 3000), 4), 90)
	b.SetBytes(int64(len(photo)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := judge(photo); err != nil {
			b.Fatal(err)
		}
	}
}

// Whoever announced a png sends a png, colours and all.
func TestAKindThatIsKept(t *testing.T) {
	photo, err := imagecheck.Specimen("1", "front")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		keep bool
		most int64
		want string
	}{
		"by itself a jpg":        {false, imagecheck.DefaultMaxBytes, "jpg"},
		"kept":                   {true, imagecheck.DefaultMaxBytes, "png"},
		"kept, and a bit larger": {true, int64(len(photo)), "png"},
	} {
		t.Run(name, func(t *testing.T) {
			l := imagecheck.DefaultLimits()
			l.KeepKind, l.MaxBytes = test.keep, test.most
			p, err := imagecheck.Check(bytes.NewReader(photo), l)
			require.NoError(t, err)
			require.Equal(t, test.want, p.Extension)
			require.Equal(t, test.want == "png", bytes.HasPrefix(p.Bytes, []byte("\x89PNG")))
		})
	}
}
