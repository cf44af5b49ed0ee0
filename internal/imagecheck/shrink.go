package imagecheck

import (
	"image"
	"image/color"
	"image/draw"
)

// plane is one channel of an image, row after row.
type plane struct {
	pix  []byte
	w, h int
}

// ycbcrImage is an image as jpg keeps it: brightness, and colour at half the size.
type ycbcrImage struct {
	y, cb, cr plane
	grey      bool // then there is no colour
}

func (s ycbcrImage) image() image.Image {
	bounds := image.Rect(0, 0, s.y.w, s.y.h)
	if s.grey {
		return &image.Gray{Pix: s.y.pix, Stride: s.y.w, Rect: bounds}
	}
	return &image.YCbCr{Y: s.y.pix, Cb: s.cb.pix, Cr: s.cr.pix, YStride: s.y.w, CStride: s.cb.w,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: bounds}
}

// flatten puts an image on white paper and brings it to a size. A photo's
// channels are shrunk as they are; anything else is turned into channels row
// by row, so that nothing of the full size is ever copied.
func flatten(img image.Image, w, h int) ycbcrImage {
	bounds := img.Bounds()
	sw, sh := bounds.Dx(), bounds.Dy()
	half := func(n int) int { return (n + 1) / 2 }
	switch img := img.(type) {
	case *image.Gray:
		return ycbcrImage{y: plane{img.Pix, sw, sh}.shrink(img.Stride, w, h), grey: true}
	case *image.YCbCr:
		cw, ch := chroma(img.SubsampleRatio, sw, sh)
		return ycbcrImage{
			y:  plane{img.Y, sw, sh}.shrink(img.YStride, w, h),
			cb: plane{img.Cb, cw, ch}.shrink(img.CStride, half(w), half(h)),
			cr: plane{img.Cr, cw, ch}.shrink(img.CStride, half(w), half(h)),
		}
	}
	_, grey := img.(*image.Gray16)
	y, cb, cr := newShrinker(sw, sh, w, h), newShrinker(sw, sh, half(w), half(h)), newShrinker(sw, sh, half(w), half(h))
	paper := image.NewRGBA(image.Rect(0, 0, sw, 1))
	ys, cbs, crs := make([]byte, sw), make([]byte, sw), make([]byte, sw)
	for row := range sh {
		draw.Draw(paper, paper.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(paper, paper.Rect, img, image.Pt(bounds.Min.X, bounds.Min.Y+row), draw.Over)
		for x := range sw {
			ys[x], cbs[x], crs[x] = color.RGBToYCbCr(paper.Pix[4*x], paper.Pix[4*x+1], paper.Pix[4*x+2])
		}
		y.add(ys)
		if !grey {
			cb.add(cbs)
			cr.add(crs)
		}
	}
	if grey {
		return ycbcrImage{y: y.out, grey: true}
	}
	return ycbcrImage{y: y.out, cb: cb.out, cr: cr.out}
}

// chroma is the size of the colour channels of an image.
func chroma(ratio image.YCbCrSubsampleRatio, w, h int) (int, int) {
	across, down := 1, 1
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	return (w + across - 1) / across, (h + down - 1) / down
}

// shrink brings a plane whose rows lie stride apart to a size.
func (p plane) shrink(stride, w, h int) plane {
	s := newShrinker(p.w, p.h, w, h)
	for row := range p.h {
		s.add(p.pix[row*stride : row*stride+p.w])
	}
	return s.out
}

// shrinker takes the rows of a plane and makes a smaller one of them (or a
// wider, for colour at a quarter of the size): each pixel is the mean of the
// area it covers. It is our own because x/image/draw's good kernels keep
// 32 bytes for each pixel of the full height, 644 MB for a photo of 60
// megapixels; a mean needs one row, and integers are the same on any machine.
type shrinker struct {
	out       plane
	sw, sh    int
	line, sum []uint64
	y, need   int // the row being made, and how much it still needs
}

func newShrinker(sw, sh, w, h int) *shrinker {
	return &shrinker{out: plane{make([]byte, w*h), w, h}, sw: sw, sh: sh,
		line: make([]uint64, w), sum: make([]uint64, w), need: sh}
}

// precise is how much finer than a byte a row's means are kept.
const precise = 256

func (s *shrinker) add(row []byte) {
	s.across(row)
	// A row going in has out.h parts, a row coming out needs sh of them.
	for parts := s.out.h; parts > 0; {
		take := min(parts, s.need)
		for x, v := range s.line {
			s.sum[x] += v * uint64(take)
		}
		parts -= take
		if s.need -= take; s.need > 0 {
			continue
		}
		all := uint64(s.sh) * precise
		for x, v := range s.sum {
			s.out.pix[s.y*s.out.w+x] = byte((v + all/2) / all)
			s.sum[x] = 0
		}
		s.y, s.need = s.y+1, s.sh
	}
}

func (s *shrinker) across(row []byte) {
	if s.sw == s.out.w {
		for x, v := range row {
			s.line[x] = uint64(v) * precise
		}
		return
	}
	i, left := 0, s.out.w // a pixel going in has out.w parts, one coming out needs sw
	for x := range s.line {
		var sum uint64
		for need := s.sw; need > 0; {
			take := min(need, left)
			sum += uint64(row[i]) * uint64(take)
			need -= take
			if left -= take; left == 0 {
				i, left = i+1, s.out.w
			}
		}
		s.line[x] = sum * precise / uint64(s.sw)
	}
}
