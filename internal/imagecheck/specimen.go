package imagecheck

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math/rand/v2"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

var (
	parchment = color.RGBA{232, 238, 226, 255}
	ink       = color.RGBA{30, 30, 50, 255}
	shade     = color.RGBA{150, 160, 185, 255}
)

// Specimen draws one side, "front" or "back", of a card that nobody takes for a
// license and that passes the gate, as a png: the same one for the same seed.
// Demos and tests send it. The front has a face and lines, the back a stripe
// and bars.
func Specimen(seed, side string) ([]byte, error) {
	var file bytes.Buffer
	err := png.Encode(&file, specimen(seed, side))
	return file.Bytes(), err
}

func specimen(seed, side string) image.Image {
	sum := fnv.New64a()
	fmt.Fprintln(sum, seed, side)
	chance := rand.New(rand.NewPCG(sum.Sum64(), 0))
	card := image.NewRGBA(image.Rect(0, 0, 960, 600))
	box := func(x, y, w, h int, c color.Color) {
		draw.Draw(card, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
	}
	box(0, 0, 960, 600, parchment)
	if side == "front" {
		letter(card, 40, 30, 5, "SPECIMEN LICENSE")
		box(40, 130, 270, 340, shade)
		skin := color.RGBA{uint8(130 + chance.IntN(110)), uint8(100 + chance.IntN(80)), uint8(80 + chance.IntN(60)), 255}
		box(110+chance.IntN(30), 180+chance.IntN(40), 90+chance.IntN(40), 150+chance.IntN(50), skin)
		for i, line := range []string{"NAME  NOBODY AT ALL", "BORN  1 JAN 1970", "CLASS NONE", "NO    " + number(chance),
			"UNTIL " + number(chance)} {
			letter(card, 350, 140+66*i, 3, line)
		}
		letter(card, 40, 520, 3, "NOT A DOCUMENT  "+number(chance))
		return card
	}
	box(0, 40, 960, 110, ink)
	letter(card, 40, 180, 3, "THE BACK OF A SPECIMEN")
	letter(card, 40, 240, 3, number(chance)+" "+number(chance))
	for x := 60; x < 890; x += 8 + chance.IntN(16) {
		box(x, 350, 3+chance.IntN(8), 190, ink)
	}
	return card
}

func number(chance *rand.Rand) string { return fmt.Sprintf("%09d", chance.IntN(1e9)) }

// letter writes in letters of 7 by 13 pixels, so many times larger.
func letter(card draw.Image, x, y, times int, text string) {
	small := image.NewAlpha(image.Rect(0, 0, 7*len(text), 13))
	(&font.Drawer{Dst: small, Src: image.Opaque, Face: basicfont.Face7x13, Dot: fixed.P(0, 11)}).DrawString(text)
	large := image.NewAlpha(image.Rect(0, 0, times*small.Rect.Dx(), times*small.Rect.Dy()))
	xdraw.NearestNeighbor.Scale(large, large.Rect, small, small.Rect, draw.Src, nil)
	draw.DrawMask(card, large.Rect.Add(image.Pt(x, y)), image.NewUniform(ink), image.Point{}, large, image.Point{},
		draw.Over)
}
