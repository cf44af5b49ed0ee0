// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"encoding/json"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
)

func TestWarnings(t *testing.T) {
	note := image.NewRGBA(image.Rect(0, 0, 1000, 625)) // three lines, and nothing else
	fill(note, note.Rect, color.White)
	for i, line := range []string{"To whom it may concern:", "this is a specimen.", "Yours, nobody"} {
		write(note, 120, 150+70*i, 2, line)
	}
	pale := image.NewRGBA(note.Rect)
	for i, v := range note.Pix {
		pale.Pix[i] = 150 + v/6
		if i%4 == 3 {
			pale.Pix[i] = 255
		}
	}
	blank := image.NewRGBA(note.Rect)
	fill(blank, blank.Rect, color.White)
	front, back := resized(card("a", "front"), 1000, 625), resized(card("a", "back"), 1000, 625)
	table := resized(onTable(card("a", "front")), 1000, 750)
	for name, test := range map[string]struct {
		img  *image.RGBA
		want []imagecheck.Warning
	}{
		"sharp front":               {front, nil},
		"sharp back":                {back, nil},
		"sharp, large":              {card("a", "front"), nil},
		"sharp, small":              {resized(card("a", "front"), 500, 313), nil},
		"sharp on a table":          {table, nil},
		"a little soft":             {blurred(front, 1.2), nil},
		"a little soft, with grain": {noisy(blurred(table, 1.2), 5), nil},
		"three lines":               {note, nil},
		"three pale lines":          {pale, nil},
		"nothing at all":            {blank, nil},
		"grain alone":               {noisy(blank, 6), nil},
		"a third of the light":      {lit(front, 0.35), nil},
		"out of focus":              {blurred(front, 4), []imagecheck.Warning{imagecheck.Blurred}},
		"the back out of focus":     {blurred(back, 4), []imagecheck.Warning{imagecheck.Blurred}},
		"three lines out of focus":  {blurred(note, 4), []imagecheck.Warning{imagecheck.Blurred}},
		"pale lines out of focus":   {blurred(pale, 2.5), []imagecheck.Warning{imagecheck.Blurred}},
		"a table out of focus":      {blurred(table, 4), []imagecheck.Warning{imagecheck.Blurred}},
		"out of focus, with grain":  {noisy(blurred(front, 4), 3), []imagecheck.Warning{imagecheck.Blurred}},
		"far out of focus":          {blurred(front, 9), []imagecheck.Warning{imagecheck.Blurred}},
		"in the dark":               {lit(front, 0.1), []imagecheck.Warning{imagecheck.Dark}},
		"a table in the dark":       {lit(table, 0.1), []imagecheck.Warning{imagecheck.Dark}},
		"black":                     {lit(front, 0), []imagecheck.Warning{imagecheck.Dark}},
		"dark and out of focus":     {lit(blurred(front, 4), 0.2), []imagecheck.Warning{imagecheck.Blurred, imagecheck.Dark}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, content := range [][]byte{asJPEG(t, test.img, 85), asPNG(t, test.img)} {
				p, _ := passes(t, content)
				require.Equal(t, test.want, p.Warnings)
			}
		})
	}
	require.ElementsMatch(t, []imagecheck.Warning{imagecheck.Blurred, imagecheck.Dark}, imagecheck.Warnings)
}

func TestPrints(t *testing.T) {
	of := func(content []byte) imagecheck.PerceptualHash {
		p, _ := passes(t, content)
		return p.Print
	}
	pictures := map[string]*image.RGBA{}
	for _, seed := range []string{"a", "b"} {
		for _, side := range []string{"front", "back"} {
			pictures[seed+" "+side] = resized(card(seed, side), 800, 500)
			pictures[seed+" "+side+" on a table"] = resized(onTable(card(seed, side)), 1000, 750)
		}
	}
	prints := map[string]imagecheck.PerceptualHash{}
	for name, img := range pictures {
		prints[name] = of(asJPEG(t, img, 90))
		w, h := img.Rect.Dx(), img.Rect.Dy()
		for what, again := range map[string][]byte{
			"as a png":             asPNG(t, img),
			"compressed":           asJPEG(t, img, 30),
			"resized":              asJPEG(t, resized(img, w*2/3, h*2/3), 80),
			"enlarged, compressed": asJPEG(t, resized(img, w*3/2, h*3/2), 40),
			"a little darker":      asJPEG(t, lit(img, 0.9), 80),
		} {
			require.True(t, prints[name].Similar(of(again)), "%s, %s", name, what)
		}
	}
	for a, p := range prints {
		for b, q := range prints {
			require.Equal(t, a == b, p.Similar(q), "%s and %s", a, b)
		}
	}

	text, err := json.Marshal(prints["a front"])
	require.NoError(t, err)
	var back imagecheck.PerceptualHash
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, prints["a front"], back)
	require.True(t, back.Similar(prints["a front"]))
}

// What shows nothing is like nothing: two blank pages are no one picture.
func TestBlankIsLikeNothing(t *testing.T) {
	white := image.NewRGBA(image.Rect(0, 0, 600, 400))
	fill(white, white.Rect, color.White)
	black := image.NewRGBA(white.Rect)
	fill(black, black.Rect, color.Black)
	line := image.NewRGBA(white.Rect)
	fill(line, line.Rect, color.White)
	write(line, 50, 50, 3, "a line")
	for name, img := range map[string]image.Image{"white": white, "black": black, "grain": noisy(white, 6),
		"a line": line} {
		p, _ := passes(t, asJPEG(t, img, 90))
		require.False(t, p.Print.Similar(p.Print), name)
	}
	for _, p := range []imagecheck.PerceptualHash{"", "x", "00", "zz"} {
		require.False(t, p.Similar(p))
	}
}
