package imagecheck

import "encoding/binary"

// orientation reads how a camera was held from an EXIF block: the number 1 to
// 8 of tag 0x0112 in its first directory (TIFF 6.0, "Orientation"). Whatever is
// wrong with the block, the answer is 1, "upright", and the picture is taken.
//
// It is our own because one number is wanted and nothing else may matter. A
// library that reads every tag (bep/imagemeta 1.0.1 was tried) stops at the
// first one of a type it does not know, and at a fill byte before the block,
// and the picture would lie on its side.
func orientation(tiff []byte) int {
	const head, entry, tag, short = 8, 12, 0x0112, 3
	if len(tiff) < head {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	directory := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(directory) < entry {
			return 1
		}
		if order.Uint16(directory) == tag {
			value := int(order.Uint16(directory[8:]))
			if order.Uint16(directory[2:]) == short && 1 <= value && value <= 8 {
				return value
			}
			return 1
		}
		directory = directory[entry:]
	}
	return 1
}

// turn makes a page upright.
func (s ycbcrImage) turn(orientation int) ycbcrImage {
	if orientation == 1 {
		return s
	}
	return ycbcrImage{y: s.y.turn(orientation), cb: s.cb.turn(orientation), cr: s.cr.turn(orientation), grey: s.grey}
}

func (p plane) turn(orientation int) plane {
	q := plane{w: p.w, h: p.h}
	if orientation >= 5 {
		q.w, q.h = p.h, p.w
	}
	q.pix = make([]byte, len(p.pix))
	// Where the pixel x, y of what is seen is in what was stored, as start,
	// step to the right and step down.
	right, down := p.w-1, (p.h-1)*p.w
	way := [...][3]int{
		1: {0, 1, p.w},
		2: {right, -1, p.w},         // mirrored
		3: {right + down, -1, -p.w}, // upside down
		4: {down, 1, -p.w},          // upside down and mirrored
		5: {0, p.w, 1},              // mirrored, then turned to the left
		6: {down, -p.w, 1},          // turned to the right
		7: {right + down, -p.w, -1}, // mirrored, then turned to the right
		8: {right, p.w, -1},         // turned to the left
	}[orientation]
	for y, i := 0, 0; y < q.h; y++ {
		for x, at := 0, way[0]+y*way[2]; x < q.w; x, at, i = x+1, at+way[1], i+1 {
			q.pix[i] = p.pix[at]
		}
	}
	return q
}
