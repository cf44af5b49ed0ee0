package imagecheck

import "slices"

// Warning is something that a sender may want to mend. It refuses nothing:
// people read what no rule of thumb can, and the other way round.
type Warning string

const (
	Blurred Warning = "blurred"
	Dark    Warning = "dark"
)

// Warnings are all there are. There is none for glare: a white card and the
// reflection of a lamp on it look the same to everything short of reading.
var Warnings = []Warning{Blurred, Dark}

const (
	// analysisEdge is the longer side of the picture that is looked at. Letters of
	// small print are a few pixels wide on it: gone if blurred.
	analysisEdge = 800
	// tile is the side of a square, in pixels, that is looked at by itself.
	tile = 16
	// contrast is the variance of brightness (0 to 255) from which on a tile has
	// anything to be sharp or blurred.
	contrast = 30
	// minSharpness is the least that sharpness may be. Drawn cards with letters as wide as
	// a hundredth of the card: sharp, it is 1.8 to 6; soft but readable
	// 0.2 to 0.5; running into one another 0.01 to 0.1, grain included. Strong
	// grain passes for edges, so that such a photo is not warned of.
	minSharpness = 0.1
	// minBrightness is the least brightness of the lightest twentieth: even a dark
	// passport has letters.
	minBrightness = 64
)

func warnings(y plane) (found []Warning) {
	w, h := fit(y.w, y.h, analysisEdge)
	small := y.shrink(y.w, w, h)
	if sharpness(small) < minSharpness {
		found = append(found, Blurred)
	}
	if brightest(small) < minBrightness {
		found = append(found, Dark)
	}
	return found
}

// sharpness is the variance of the Laplacian in relation to the variance of
// brightness. Blur takes away edges and leaves brightness, so the relation
// falls, whatever the light was like. It is the upper quartile among the
// quarter of tiles with most contrast: a page with three lines is judged by its
// three lines, not by its white, and grain hardly passes for edges. A picture
// that shows nothing is not blurred.
func sharpness(p plane) float64 {
	type seen struct{ contrast, edges int }
	var tiles []seen
	for top := 1; top+tile < p.h; top += tile {
		for left := 1; left+tile < p.w; left += tile {
			var sum, square, edge, edgeSquare int
			for y := top; y < top+tile; y++ {
				for i := y*p.w + left; i < y*p.w+left+tile; i++ {
					v := int(p.pix[i])
					e := 4*v - int(p.pix[i-1]) - int(p.pix[i+1]) - int(p.pix[i-p.w]) - int(p.pix[i+p.w])
					sum, square, edge, edgeSquare = sum+v, square+v*v, edge+e, edgeSquare+e*e
				}
			}
			const n = tile * tile // times the variance is what these are
			if t := (seen{square - sum*sum/n, edgeSquare - edge*edge/n}); t.contrast > contrast*n {
				tiles = append(tiles, t)
			}
		}
	}
	if len(tiles) == 0 {
		return minSharpness
	}
	slices.SortFunc(tiles, func(a, b seen) int { return b.contrast - a.contrast })
	var relations []float64
	for _, t := range tiles[:(len(tiles)+3)/4] {
		relations = append(relations, float64(t.edges)/float64(t.contrast))
	}
	slices.Sort(relations)
	return relations[len(relations)*3/4]
}

// brightest is the brightness that a twentieth of a picture exceeds.
func brightest(p plane) int {
	var count [256]int
	for _, v := range p.pix {
		count[v]++
	}
	rest := len(p.pix) / 20
	for v := 255; v > 0; v-- {
		if rest -= count[v]; rest < 0 {
			return v
		}
	}
	return 0
}
