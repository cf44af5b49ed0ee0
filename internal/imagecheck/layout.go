package imagecheck

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
)

const (
	// maxBytesPerPixel is how many bytes a decoded pixel may take: Limits.MaxPixels of
	// them at once. Some encodings take more (a progressive jpg keeps four bytes
	// of coefficients for each sample, a 16-bit png eight a pixel), and so fewer
	// of their pixels are taken.
	maxBytesPerPixel = 4
	// maxScans is how often a jpg may go over its pixels. A few bytes ask for
	// a whole pass, so that a small file could keep us busy for an hour;
	// encoders use some ten. libjpeg-turbo advises to limit it too ("Two Issues
	// with the JPEG Standard", its djpeg -maxscans).
	maxScans = 100
	// deflated is how many bytes one byte of a png can stand for at most (zlib's
	// technical notes: 1032 to 1).
	deflated = 1032
)

// layout is what a file says about itself before any pixel is decoded.
type layout struct {
	exif          []byte   // the first EXIF block, a TIFF; nil if there is none
	metadata      [][]byte // what is not pixels: comments, profiles, trailers
	scans         int
	bytesPerPixel float64 // that the decoder will hold
	pixelsPerByte float64 // that this encoding can have at most

	jpeg jpegParts
}

// jpegParts is what a jpg says of its pixels.
type jpegParts struct {
	ended       bool            // by its end marker
	progressive bool            // in scans that refine one another
	restarts    bool            // with marks to start again at
	wanted      map[byte]uint64 // by component: the coefficients that no scan has brought in full
}

// whole reports whether there is a scan for everything, so that only the end
// marker may be missing.
func (j jpegParts) whole() bool {
	for _, coefficients := range j.wanted {
		if coefficients != 0 {
			return false
		}
	}
	return len(j.wanted) > 0
}

// frame reads a frame's header: six bytes, then three for each component.
func (j *jpegParts) frame(segment []byte) {
	j.wanted = map[byte]uint64{}
	for i := 6; i+3 <= len(segment); i += 3 {
		j.wanted[segment[i]] = ^uint64(0)
	}
}

// scan reads a scan's header: a number, two bytes for each component, and which
// coefficients there are, to which bit.
func (j *jpegParts) scan(segment []byte) {
	if j.wanted == nil || len(segment) < 1 || len(segment) < 4+2*int(segment[0]) {
		return
	}
	last := segment[1+2*int(segment[0]):]
	from, to, bit := last[0], last[1], last[2]&15
	if bit != 0 || from > to || to > 63 {
		return
	}
	brought := ^uint64(0) >> (63 - (to - from)) << from
	for i := range int(segment[0]) {
		j.wanted[segment[1+2*i]] &^= brought
	}
}

// jpegLayout goes from marker to marker (ITU T.81, annex B) as forgivingly as
// the decoder does: what is no marker is skipped, and so are fill bytes.
func jpegLayout(b []byte) layout {
	l := layout{pixelsPerByte: 512} // each 8 by 8 pixels have one bit at least
	for i := 2; ; {
		next := bytes.IndexByte(b[i:], 0xff)
		if next < 0 {
			return l
		}
		i += next
		for i < len(b) && b[i] == 0xff {
			i++
		}
		if i == len(b) {
			return l
		}
		marker := b[i]
		i++
		switch {
		case marker == 0, 0xd0 <= marker && marker <= 0xd7: // within a scan
			continue
		case marker == 0xd9: // the end; phones append films to it
			l.metadata = append(l.metadata, b[i:])
			l.jpeg.ended = true
			return l
		}
		if i+2 > len(b) {
			return l
		}
		end := i + max(2, int(binary.BigEndian.Uint16(b[i:])))
		segment := b[i+2 : max(i+2, min(end, len(b)))]
		switch {
		case marker == 0xda:
			l.scans++
			l.jpeg.scan(segment)
		case marker == 0xdd:
			l.jpeg.restarts = len(segment) == 2 && binary.BigEndian.Uint16(segment) > 0
		case 0xc0 <= marker && marker <= 0xc2:
			l.jpeg.frame(segment)
			l.jpeg.progressive = marker == 0xc2
			l.bytesPerPixel = max(l.bytesPerPixel, jpegCost(segment, marker == 0xc2))
		case marker >= 0xe0 && marker <= 0xef, marker == 0xfe:
			l.metadata = append(l.metadata, segment)
			if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xe1 && l.exif == nil {
				l.exif = tiff
			}
		}
		if i = end; i > len(b) {
			return l
		}
	}
}

// jpegCost reads a frame's header: six bytes, then three for each component.
func jpegCost(frame []byte, progressive bool) float64 {
	const head = 6
	var samples, widest, highest float64
	components := (len(frame) - head) / 3
	for c := range components {
		across, down := float64(frame[head+3*c+1]>>4), float64(frame[head+3*c+1]&15)
		samples += across * down
		widest, highest = max(widest, across), max(highest, down)
	}
	if components < 1 || widest*highest == 0 {
		return 1 // the decoder will say what is wrong
	}
	each := samples / (widest * highest)
	if components == 1 {
		each = 1 // its factors mean nothing
	}
	cost := each
	if progressive {
		cost += 4 * each
	}
	if components > 3 {
		cost += 4 // CMYK is put together from its planes
	}
	return cost
}

// pngLayout goes from chunk to chunk.
func pngLayout(b []byte) layout {
	l := layout{bytesPerPixel: 4, pixelsPerByte: deflated}
	for c, rest := range chunks(b) {
		name, chunk := c.name, c.data
		switch {
		case name == "IHDR" && len(chunk) == 13:
			depth, colours, interlaced := int(chunk[8]), chunk[9], chunk[12] != 0
			samples := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
			if depth == 16 {
				l.bytesPerPixel = 8
			}
			if interlaced {
				l.bytesPerPixel *= 1.5 // the last pass is half of all pixels, beside the whole
			}
			l.pixelsPerByte = deflated * 8 / float64(max(1, samples*depth))
		case name == "eXIf" && l.exif == nil:
			if c.right() {
				l.exif = chunk
			}
			l.metadata = append(l.metadata, chunk)
		case name == "IEND":
			l.metadata = append(l.metadata, rest)
			return l
		case name[0] >= 'a' && name != "fdAT": // ancillary, and not pixels of an animation
			l.metadata = append(l.metadata, chunk)
		}
	}
	return l
}

// foreign are the beginnings of files that a careless program might run or
// show. Each is long enough not to occur by chance in the film that a phone
// appends to a photo.
var foreign = regexp.MustCompile(`%PDF-[0-9]|<(?i:\?php\s|html[\s>]|script[\s>/]|!doctype html|iframe\s)`)

// isPolyglot reports whether a picture is something else as well. The something
// else would not survive, since only pixels do; but nobody makes such a file by
// accident, and what its sender wants is no license's business.
func (l layout) isPolyglot(b []byte) bool {
	if foreign.Match(b[:min(len(b), pdfWithin)]) {
		return true
	}
	if slices.ContainsFunc(l.metadata, foreign.Match) {
		return true
	}
	return endsInZip(b)
}

// endsInZip finds the end of a ZIP's directory, which may be followed by a
// comment of 64 KB (APPNOTE 4.3.16), with the directory before it.
func endsInZip(b []byte) bool {
	const record = 22
	from := max(0, len(b)-record-65535)
	for tail := b[from:]; ; {
		at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
		if at < 0 {
			return false
		}
		if from+at+record <= len(b) {
			size := int64(binary.LittleEndian.Uint32(b[from+at+12:]))
			if start := int64(from+at) - size; size >= 4 && start >= 0 && bytes.HasPrefix(b[start:], []byte("PK\x01\x02")) {
				return true
			}
		}
		tail = tail[:at]
	}
}
