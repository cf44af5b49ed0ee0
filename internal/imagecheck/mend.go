package imagecheck

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"iter"
	"slices"
)

// The decoders of the standard library are stricter than what people look at
// their pictures with (libpng, libjpeg, browsers). What is mended here is what
// all of those pass over: sums of chunks that hold no pixels, and an end that is
// missing behind the last pixel.

// chunk is a part of a png: four bytes of size, four of name, data, and a sum.
type chunk struct {
	name string
	data []byte
	sum  []byte // four bytes, fewer where the file ends early
}

// chunks are those of a png, each with what comes behind it.
func chunks(b []byte) iter.Seq2[chunk, []byte] {
	return func(yield func(chunk, []byte) bool) {
		for rest := b[min(8, len(b)):]; len(rest) >= 8; {
			size := int64(binary.BigEndian.Uint32(rest))
			c := chunk{name: string(rest[4:8])}
			rest = rest[8:]
			c.data, rest = cut(rest, size)
			c.sum, rest = cut(rest, 4)
			if !yield(c, rest) {
				return
			}
		}
	}
}

func cut(b []byte, n int64) ([]byte, []byte) {
	n = min(n, int64(len(b)))
	return b[:n], b[n:]
}

func (c chunk) right() bool { return bytes.Equal(c.sum, c.made()) }

// made is the sum as it should be.
func (c chunk) made() []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Update(crc32.ChecksumIEEE([]byte(c.name)), crc32.IEEETable, c.data))
}

// pixels are the chunks of a png without which it cannot be decoded. What
// viewers pass over is left out: every other chunk, and transparency and colours
// where they are misplaced, of the wrong size, or not as they were written.
func pixels(b []byte) (kept []chunk) {
	var colour byte
	var palette, behind bool
	for c := range chunks(b) {
		switch {
		case c.name == "IHDR" && len(c.data) == 13:
			colour = c.data[9]
		case c.name == "PLTE" && colour == 3:
			palette = true
		case c.name == "IDAT":
			behind = true
		case c.name == "tRNS" && !behind && c.right() &&
			(colour == 0 && len(c.data) == 2 || colour == 2 && len(c.data) == 6 || colour == 3 && palette):
		default:
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// file is a png of these chunks. The checksums of pixels are computed again: a checksum over
// all of them is within, which the decoder checks. An end is added.
func file(kept []chunk) io.Reader {
	parts := []io.Reader{bytes.NewReader([]byte("\x89PNG\r\n\x1a\n"))}
	for _, c := range append(slices.Clip(kept), chunk{name: "IEND"}) {
		if c.name == "IDAT" || c.name == "IEND" {
			c.sum = c.made()
		}
		head := append(binary.BigEndian.AppendUint32(nil, uint32(len(c.data))), c.name...)
		parts = append(parts, bytes.NewReader(head), bytes.NewReader(c.data), bytes.NewReader(c.sum))
	}
	return io.MultiReader(parts...)
}

func pngConfig(b []byte, _ layout) (image.Config, error) { return png.DecodeConfig(file(pixels(b))) }

// decodePNG accepts pixels whose chunks have the right checksums or that have it
// together: one of the two says that they are as they were written.
func decodePNG(b []byte, _ layout) (image.Image, error) {
	kept := pixels(b)
	decoded, err := png.Decode(file(kept))
	if err == nil {
		return decoded, nil
	}
	var data []byte
	others := kept[:0:0]
	for _, c := range kept {
		switch {
		case c.name != "IDAT":
			others = append(others, c)
		case len(c.sum) == 4 && !c.right():
			return nil, err
		default:
			data = append(data, c.data...)
		}
	}
	config, failed := png.DecodeConfig(file(kept))
	if failed != nil || len(data) < 2 {
		return nil, err
	}
	// 16 bits of four colours in each pixel, seven passes at most.
	sum, whole := adler32.New(), bytes.NewReader(data[2:])
	most := 2*8*int64(config.Width)*int64(config.Height) + 8*int64(config.Height) + 8
	if n, failed := io.Copy(sum, io.LimitReader(flate.NewReader(whole), most)); failed != nil || n == most {
		return nil, err
	}
	data = sum.Sum(data[:len(data)-whole.Len()])
	return png.Decode(file(append(others, chunk{name: "IDAT", data: data})))
}

func jpegConfig(b []byte, _ layout) (image.Config, error) {
	return jpeg.DecodeConfig(bytes.NewReader(b))
}

// decodeJPEG adds the end marker where nothing but it is missing.
func decodeJPEG(b []byte, l layout) (image.Image, error) {
	var end []byte
	if !l.jpeg.ended && l.jpeg.whole() {
		end = []byte("\xff\xd9")
	}
	decoded, err := jpeg.Decode(io.MultiReader(bytes.NewReader(b), bytes.NewReader(end)))
	if err != nil && l.jpeg.progressive && l.jpeg.restarts {
		return nil, errRestarts
	}
	return decoded, err
}
