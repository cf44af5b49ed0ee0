// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	stdpng "image/png"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The corpus is drawn here: no file of it is kept, and each row of a test says
// what is odd about its picture.

// card draws a license that nobody takes for one: 1600 by 1000, on a table if
// there is one. The front has a face and lines, the back a stripe and bars.
func card(seed, side string) *image.RGBA {
	h := fnv.New64a()
	h.Write([]byte(seed + side))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	img := image.NewRGBA(image.Rect(0, 0, 1600, 1000))
	fill(img, img.Rect, color.RGBA{235, 240, 228, 255})
	for y := range 1000 { // the fine waves of such cards
		for x := range 1600 {
			if math.Mod(float64(y)+12*math.Sin(float64(x)/40), 9) < 2 {
				img.Set(x, y, color.RGBA{214, 226, 215, 255})
			}
		}
	}
	word := func() string {
		letters := make([]byte, 4+r.IntN(12))
		for i := range letters {
			letters[i] = byte('A' + r.IntN(26))
		}
		return string(letters)
	}
	if side == "front" {
		fill(img, image.Rect(60, 200, 520, 800), color.RGBA{150, 160, 185, 255})
		face := color.RGBA{uint8(120 + r.IntN(120)), uint8(90 + r.IntN(80)), uint8(70 + r.IntN(60)), 255}
		cx, cy, rx, ry := 250+r.IntN(80), 420+r.IntN(120), 110+r.IntN(60), 150+r.IntN(60)
		for y := range 600 {
			for x := range 460 {
				dx, dy := float64(60+x-cx)/float64(rx), float64(200+y-cy)/float64(ry)
				if dx*dx+dy*dy < 1 {
					img.Set(60+x, 200+y, color.RGBA{face.R, face.G - uint8(y/20), face.B + uint8(x/10), 255})
				}
			}
		}
		write(img, 60, 60, 7, "SPECIMEN "+word())
		for i := range 7 {
			write(img, 570, 210+85*i, 4, word()+" "+word())
		}
		write(img, 60, 880, 3, word()+" "+word()+" "+word())
		return img
	}
	fill(img, image.Rect(0, 60, 1600, 250), color.RGBA{25, 22, 20, 255})
	for x := 80; x < 1500; x += 6 + r.IntN(20) {
		fill(img, image.Rect(x, 650, x+3+r.IntN(9), 930), color.RGBA{10, 10, 10, 255})
	}
	for i := range 4 {
		write(img, 80, 300+75*i, 3, word()+" "+word()+" "+word()+" "+word())
	}
	return img
}

func fill(img draw.Image, where image.Rectangle, c color.Color) {
	draw.Draw(img, where, image.NewUniform(c), image.Point{}, draw.Src)
}

// write writes letters of 7 by 13 pixels, so many times larger.
func write(img draw.Image, x, y, times int, text string) {
	small := image.NewAlpha(image.Rect(0, 0, 7*len(text), 13))
	(&font.Drawer{Dst: small, Src: image.Opaque, Face: basicfont.Face7x13, Dot: fixed.P(0, 11)}).DrawString(text)
	large := image.NewAlpha(image.Rect(0, 0, small.Rect.Dx()*times, small.Rect.Dy()*times))
	xdraw.NearestNeighbor.Scale(large, large.Rect, small, small.Rect, draw.Src, nil)
	draw.DrawMask(img, large.Rect.Add(image.Pt(x, y)), image.NewUniform(color.RGBA{20, 20, 40, 255}), image.Point{}, large,
		image.Point{}, draw.Over)
}

// onTable lays a card on a table and photographs it with a little noise.
func onTable(card image.Image) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 2000, 1500))
	for y := range 1500 {
		for x := range 2000 {
			wood := uint8(90 + 25*math.Sin(float64(y)/60+math.Sin(float64(x)/300)) + float64(x)/60)
			img.Set(x, y, color.RGBA{wood, wood * 3 / 4, wood / 2, 255})
		}
	}
	draw.Draw(img, image.Rect(200, 250, 1800, 1250), card, image.Point{}, draw.Src)
	return noisy(img, 4)
}

func noisy(img *image.RGBA, much float64) *image.RGBA {
	r := rand.New(rand.NewPCG(7, 7))
	out := image.NewRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = clamp(float64(v) + r.NormFloat64()*much)
		if i%4 == 3 {
			out.Pix[i] = 255
		}
	}
	return out
}

func clamp(v float64) uint8 { return uint8(min(255, max(0, v))) }

// blurred is an image out of focus (Gauss), by the bell's width.
func blurred(img *image.RGBA, sigma float64) *image.RGBA {
	radius := int(3 * sigma)
	bell := make([]float64, 2*radius+1)
	var all float64
	for i := range bell {
		bell[i] = math.Exp(-float64((i-radius)*(i-radius)) / (2 * sigma * sigma))
		all += bell[i]
	}
	pass := func(in *image.RGBA, dx, dy int) *image.RGBA {
		out := image.NewRGBA(in.Rect)
		w, h := in.Rect.Dx(), in.Rect.Dy()
		for y := range h {
			for x := range w {
				var sum [4]float64
				for i, weight := range bell {
					at := in.PixOffset(min(w-1, max(0, x+dx*(i-radius))), min(h-1, max(0, y+dy*(i-radius))))
					for c := range sum {
						sum[c] += weight * float64(in.Pix[at+c])
					}
				}
				for c := range sum {
					out.Pix[out.PixOffset(x, y)+c] = clamp(sum[c]/all + 0.5)
				}
			}
		}
		return out
	}
	return pass(pass(img, 1, 0), 0, 1)
}

// lit is an image in a share of its light.
func lit(img *image.RGBA, share float64) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = clamp(float64(v) * share)
		if i%4 == 3 {
			out.Pix[i] = 255
		}
	}
	return out
}

func resized(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Scale(out, out.Rect, img, img.Bounds(), draw.Src, nil)
	return out
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}))
	return out.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, (&stdpng.Encoder{CompressionLevel: stdpng.BestSpeed}).Encode(&out, img))
	return out.Bytes()
}

// segment puts a segment behind a jpg's beginning.
func segment(jpg []byte, marker byte, payload string) []byte {
	out := append([]byte("\xff\xd8\xff"), marker)
	out = binary.BigEndian.AppendUint16(out, uint16(len(payload)+2))
	return append(append(out, payload...), jpg[2:]...)
}

// chunk puts a chunk behind a png's header.
func chunk(png []byte, name, payload string) []byte {
	const head = 8 + 25
	out := append(bytes.Clone(png[:head]), oneChunk(name, payload)...)
	return append(out, png[head:]...)
}

func oneChunk(name, payload string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	out = append(out, name+payload...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(name+payload)))
}

// header is a png's beginning that claims a size.
func header(w, h uint32, depth, colours, interlaced byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return append([]byte("\x89PNG\r\n\x1a\n"), oneChunk("IHDR", string(append(b, depth, colours, 0, 0, interlaced)))...)
}

// exif is a block with an orientation, and other entries before it.
func exif(order binary.AppendByteOrder, orientation uint16, before ...[12]byte) string {
	b := []byte("MM")
	if order == binary.LittleEndian {
		b = []byte("II")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, uint16(len(before)+1))
	for _, entry := range before {
		b = append(b, entry[:]...)
	}
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return string(order.AppendUint32(append(b, 0, 0), 0))
}

// interlaced is a scan in seven passes, nearly black: the library reads such
// files and does not write them.
func interlaced(t *testing.T, side int) []byte {
	t.Helper()
	var raw bytes.Buffer
	w := zlib.NewWriter(&raw)
	for _, pass := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2},
		{0, 1, 1, 2}} {
		across, down := (side-pass[0]+pass[2]-1)/pass[2], (side-pass[1]+pass[3]-1)/pass[3]
		for range down {
			_, err := w.Write(append([]byte{0}, bytes.Repeat([]byte{20}, 3*across)...))
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	out := append(header(uint32(side), uint32(side), 8, 2, 1), oneChunk("IDAT", raw.String())...)
	return append(out, oneChunk("IEND", "")...)
}

// progressive is a grey jpg that says so many times that all its blocks are as
// the one before: one bit for each.
func progressive(width, height uint16, scans int) []byte {
	out := []byte("\xff\xd8\xff\xdb\x00\x43\x00")
	out = append(out, bytes.Repeat([]byte{1}, 64)...)
	out = append(out, "\xff\xc2\x00\x0b\x08"...)
	out = binary.BigEndian.AppendUint16(out, height)
	out = binary.BigEndian.AppendUint16(out, width)
	out = append(out, "\x01\x01\x11\x00\xff\xc4\x00\x14\x00\x01"...)
	out = append(out, make([]byte, 16)...)
	for range scans {
		out = append(out, "\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"...)
		out = append(out, make([]byte, (int(width)+7)/8*((int(height)+7)/8)/8+1)...)
	}
	return append(out, "\xff\xd9"...)
}

// cmyk is a jpg of four inks, each in a scan of its own: the same grey four
// times, which Adobe keeps the wrong way round.
func cmyk(t *testing.T, level uint8) []byte {
	img := image.NewGray(image.Rect(0, 0, 320, 320))
	fill(img, img.Rect, color.Gray{level})
	grey := asJPEG(t, img, 100)
	frame, scan, end := bytes.Index(grey, []byte("\xff\xc0")), bytes.Index(grey, []byte("\xff\xda")), len(grey)-2
	out := append(bytes.Clone(grey[:frame]), "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"...)
	out = append(out, "\xff\xc0\x00\x14\x08\x01\x40\x01\x40\x04\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00"...)
	out = append(out, grey[frame+2+11:scan]...)
	for ink := byte(1); ink <= 4; ink++ {
		out = append(out, 0xff, 0xda, 0, 8, 1, ink, 0, 0, 63, 0)
		out = append(out, grey[scan+10:end]...)
	}
	return append(out, grey[end:]...)
}
