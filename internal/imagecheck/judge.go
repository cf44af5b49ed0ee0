// Package imagecheck decides whether a file is a picture of a document that
// ConnectFi can read, and makes of it the jpg or png that is sent: upright,
// without metadata, and not larger than needed.
package imagecheck

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
)

// Limits bound what is taken. They are published to applicants, so a caller
// starts from DefaultLimits.
type Limits struct {
	MaxBytes         int64 // of the file as it is sent
	MaxPixels        int   // width times height; see frugal for what counts more
	MinEdge, MaxEdge int   // pixels of the shorter and of the longer side

	// KeepKind lets every png leave as one, for senders that announced it as such;
	// it may then have twice MaxBytes, because a photo's png is large.
	KeepKind bool
}

// DefaultLimits take what phones and scanners make of a document, and little else.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:  DefaultMaxBytes, // a 12-megapixel photo has 3 to 6 MB
		MaxPixels: 60_000_000,      // phones make 48 or 50 million; decoded, that is up to 240 MB for a moment
		MinEdge:   300,             // a card's small print is then some six pixels high: less is not read by anyone
		MaxEdge:   12000,           // an A4 page at 1000 dots an inch; what is longer is a panorama
	}
}

// maxEdgeOut is how long a picture's longer side is at most when it leaves: a
// card that fills it has some 900 dots an inch, an A4 page 250, and small
// print stays legible on both, in 1 to 2 MB for a photo.
const maxEdgeOut = 3000

// qualities of a jpg, best first. 90 shows no rings around letters; the others
// are for pictures of pure noise, which alone exceed Limits.MaxBytes again.
var qualities = []int{90, 75, 50}

// Picture is an image that passed: upright, decoded in full and encoded again,
// so that nothing but its pixels came along, neither place nor time nor
// whatever else was in the file. Equal files make equal Pictures under one
// version of Go (which may change its encoders with the next).
type Picture struct {
	Bytes         []byte
	Extension     string // jpg, or png for a grey png: a scan, whose letters would get rings
	Width, Height int
	Warnings      []Warning
	Print         PerceptualHash
}

// Check reads an image and reports whether it can be sent on: a *RefusedError if
// not, any other error if it could not be read. What it warns of may still be
// good enough for ConnectFi, so that is the sender's choice.
//
// It holds the file (at most one byte more than is taken), the decoded image
// and a copy of at most 3000 by 3000 pixels. TestMemory measures all that is
// allocated, so an upper bound of what is held at once: 28 MB for a photo of 12
// megapixels, 98 MB for one of 60, 240 MB for a png of 60, and nothing that is
// taken needs much more (frugal). A caller that serves strangers bounds how
// many it judges at a time.
//
// There is no recover around the decoders: all they are given is bounded by
// size, edges, pixels and scans first, and FuzzJudge looks for more.
func Check(r io.Reader, l Limits) (Picture, error) {
	content, err := io.ReadAll(io.LimitReader(r, l.MaxBytes+1))
	if err != nil {
		return Picture{}, fmt.Errorf("cannot read the image: %w", err)
	}
	if int64(len(content)) > l.MaxBytes {
		return Picture{}, refuse(CodeTooLarge, "the file is too large: the maximum is %.3g MB",
			float64(l.MaxBytes)/(1<<20))
	}
	extension, err := Sniff(content[:min(len(content), SniffBytes)])
	if err != nil {
		return Picture{}, err
	}
	read := codecs[extension]
	parts := read.layout(content)
	config, err := read.config(content, parts)
	if err != nil {
		return Picture{}, unreadable(err)
	}
	if err := l.check(config.Width, config.Height, parts, len(content)); err != nil {
		return Picture{}, err
	}
	if parts.isPolyglot(content) {
		return Picture{}, refuse(CodePolyglot,
			"the file contains more than the picture; take the photo again, or save the picture as a new jpg")
	}
	decoded, err := read.decode(content, parts)
	if err != nil {
		return Picture{}, unreadable(err)
	}
	width, height := fit(config.Width, config.Height, maxEdgeOut)
	page := flatten(decoded, width, height).turn(orientation(parts.exif))
	p := Picture{Width: page.y.w, Height: page.y.h, Warnings: warnings(page.y), Print: fingerprint(page.y)}
	p.Bytes, p.Extension, err = page.encode(extension, l)
	return p, err
}

// codecs are the standard library's, and what we read of a file ourselves.
var codecs = map[string]struct {
	config func([]byte, layout) (image.Config, error)
	decode func([]byte, layout) (image.Image, error)
	layout func([]byte) layout
}{
	"jpg": {jpegConfig, decodeJPEG, jpegLayout},
	"png": {pngConfig, decodePNG, pngLayout},
}

// errRestarts is of a progressive jpg with restart intervals: image/jpeg counts
// them wrongly in scans of one component, so most of these fail although they
// are good. No library without C code that reads them is worth its weight.
var errRestarts = jpeg.UnsupportedError("restart intervals in a progressive jpg")

func unreadable(err error) error {
	_, isRareJPEG := errors.AsType[jpeg.UnsupportedError](err)
	rarePNG, isRarePNG := errors.AsType[png.UnsupportedError](err)
	switch {
	case isRarePNG && strings.Contains(string(rarePNG), "dimension"): // it cannot even count them
		return refuse(CodeTooManyPixels, "the picture declares an impossible number of pixels; take it again")
	case isRareJPEG, isRarePNG:
		return refuse(CodeOtherKind, "the file uses an uncommon image format; open it and save it as a new jpg or png, or "+
			"take a screenshot of it")
	}
	return refuse(CodeBroken, "the picture is damaged or incomplete; send it again, or take it again")
}

// check decides from a file's first bytes whether its pixels may be decoded.
func (l Limits) check(width, height int, parts layout, size int) error {
	if width < 1 || height < 1 {
		return unreadable(nil)
	}
	if max(width, height) > l.MaxEdge || width*height > l.MaxPixels {
		return refuse(CodeTooManyPixels, "the picture has %d by %d pixels; the maximum is %d million in all and %d a side",
			width, height, l.MaxPixels/1_000_000, l.MaxEdge)
	}
	if float64(width)*float64(height)*parts.bytesPerPixel > maxBytesPerPixel*float64(l.MaxPixels) {
		return refuse(CodeTooManyPixels,
			"the picture has %d by %d pixels in an inefficient encoding; save it smaller, or as an ordinary jpg", width, height)
	}
	if w, h := fit(width, height, maxEdgeOut); min(w, h) < l.MinEdge { // a long strip, as it would leave, too
		return refuse(CodeTooSmall, "the picture has only %d by %d pixels; each side needs at least %d", width,
			height, l.MinEdge)
	}
	if parts.scans > maxScans || float64(width)*float64(height) > float64(size)*parts.pixelsPerByte {
		return unreadable(nil)
	}
	return nil
}

// fit is the size of a picture whose longer side is at most long.
func fit(width, height, long int) (int, int) {
	if longer := max(width, height); longer > long {
		return max(1, (width*long+longer/2)/longer), max(1, (height*long+longer/2)/longer)
	}
	return width, height
}

// eightBit has colours as a png has them; of any others its encoder would make
// 16 bits each, of which half say nothing.
func eightBit(page image.Image) image.Image {
	if _, grey := page.(*image.Gray); grey {
		return page
	}
	colours := image.NewRGBA(page.Bounds())
	draw.Draw(colours, colours.Rect, page, page.Bounds().Min, draw.Src)
	return colours
}

// encode makes a file of a page: a png of a grey png or of a png whose kind is
// kept, a jpg of all else.
func (s ycbcrImage) encode(from string, l Limits) ([]byte, string, error) {
	var out bytes.Buffer
	maxBytes := l.MaxBytes
	if from == "png" && (s.grey || l.KeepKind) {
		if err := png.Encode(&out, eightBit(s.image())); err != nil {
			return nil, "", fmt.Errorf("cannot encode the image: %w", err)
		}
		switch size := int64(out.Len()); {
		case size <= maxBytes, l.KeepKind && size <= 2*maxBytes:
			return out.Bytes(), "png", nil
		case l.KeepKind:
			return nil, "", refuse(CodeTooLarge, "the picture is too large as a png; save it as jpg")
		}
	}
	for _, quality := range qualities {
		out.Reset()
		if err := jpeg.Encode(&out, s.image(), &jpeg.Options{Quality: quality}); err != nil {
			return nil, "", fmt.Errorf("cannot encode the image: %w", err)
		}
		if int64(out.Len()) <= maxBytes {
			return out.Bytes(), "jpg", nil
		}
	}
	return nil, "", refuse(CodeTooLarge, "the picture is larger than %.3g MB; save it smaller",
		float64(maxBytes)/(1<<20))
}
