package page

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// minContrast is WCAG 2.2's least contrast of text (1.4.3).
const minContrast = 4.5

// The colours of the style sheet that a brand's colours stand on: page.css has
// the same, and a test holds them together.
var (
	lightGrounds = []rgb{{0xff, 0xff, 0xff}, {0xf6, 0xf7, 0xf9}}
	darkGrounds  = []rgb{{0x17, 0x1e, 0x29}, {0x0e, 0x13, 0x1b}}
)

type rgb struct{ r, g, b uint8 }

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

var hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func parseColour(text string) (rgb, error) {
	if !hexColour.MatchString(text) {
		return rgb{}, errors.New("is not a colour such as #1d5bbf")
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err
}

// luminance is WCAG 2.2's relative luminance.
func (c rgb) luminance() float64 {
	channel := func(v uint8) float64 {
		c := float64(v) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.r) + 0.7152*channel(c.g) + 0.0722*channel(c.b)
}

func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// mix is so much of one colour in another.
func mix(c, in rgb, part float64) rgb {
	channel := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*part + float64(b)*(1-part))) }
	return rgb{channel(c.r, in.r), channel(c.g, in.g), channel(c.b, in.b)}
}

// palette is what follows from a brand's colour on one kind of page.
type palette struct{ accent, deep, on, tint rgb }

// paint derives the palette, and refuses a colour that cannot be read.
func paint(name, text string, grounds []rgb, away rgb) (p palette, err error) {
	if p.accent, err = parseColour(text); err != nil {
		return p, fmt.Errorf("%s %q %w", name, text, err)
	}
	p.deep, p.tint = mix(away, p.accent, 0.2), mix(p.accent, grounds[0], 0.08)
	p.on = rgb{0xff, 0xff, 0xff}
	if dark := (rgb{0x0b, 0x12, 0x20}); contrast(dark, p.accent) > contrast(p.on, p.accent) {
		p.on = dark
	}
	for _, pair := range []struct {
		front, back rgb
		where       string
	}{
		{p.accent, grounds[0], "on the page"},
		{p.accent, grounds[1], "on the page"}, {p.accent, p.tint, "on a tint of itself"},
		{p.on, p.accent, "as a button, under its text"}, {p.on, p.deep, "as a button, under its text"},
	} {
		if c := contrast(pair.front, pair.back); c < minContrast {
			return p, fmt.Errorf("%s %s has a contrast of %.1f:1 %s; at least 4.5:1 is needed", name, text, c, pair.where)
		}
	}
	return p, nil
}

func (b *brand) palettes() (light, dark palette, err error) {
	if light, err = paint("colour", b.Colour, lightGrounds, rgb{}); err != nil {
		return light, dark, err
	}
	dark, err = paint("dark", b.Dark, darkGrounds, rgb{0xff, 0xff, 0xff})
	return light, dark, err
}

func (b *brand) checkColours() error {
	_, _, err := b.palettes()
	return err
}

// style is the style sheet of the brand's colours.
func (b *brand) style() []byte {
	light, dark, _ := b.palettes()
	block := func(p palette) string {
		return fmt.Sprintf(":root { --accent: %s; --accent-deep: %s; --on-accent: %s; --tint: %s; }", p.accent, p.deep, p.on,
			p.tint)
	}
	return []byte(block(light) + "\n@media (prefers-color-scheme: dark) { " + block(dark) + " }\n")
}
