// Pictures are computed with in one goroutine, millions of pixels at a time: the
// race detector has nothing to find here and takes minutes.
//go:build !race

package imagecheck_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/imagecheck"
)

func TestRefusals(t *testing.T) {
	photo, scan := asJPEG(t, plain(), 80), asPNG(t, plain())
	damaged := bytes.Clone(scan)
	damaged[len(damaged)/2] ^= 1
	empty := image.NewGray(image.Rect(0, 0, 400, 400))
	seen := map[string]bool{}
	for name, test := range map[string]struct {
		content []byte
		code    string
	}{
		"nothing": {nil, imagecheck.CodeEmpty},
		"one byte too many": {append(bytes.Clone(photo), make([]byte, imagecheck.DefaultMaxBytes+1-len(photo))...),
			imagecheck.CodeTooLarge},
		"a PDF":            {[]byte("%PDF-1.4\n"), imagecheck.CodePDF},
		"a PDF after junk": {[]byte(strings.Repeat("\n", 1000) + "%PDF-1.4\n"), imagecheck.CodePDF},
		"HEIC":             {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), imagecheck.CodeHEIC},
		"HEIF":             {[]byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic"), imagecheck.CodeHEIC},
		"AVIF":             {[]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"), imagecheck.CodeHEIC},
		"GIF":              {[]byte("GIF89a\x01\x00\x01\x00"), imagecheck.CodeOtherKind},
		"WEBP":             {[]byte("RIFF\x10\x00\x00\x00WEBPVP8 "), imagecheck.CodeOtherKind},
		"TIFF":             {[]byte("II*\x00\x08\x00\x00\x00"), imagecheck.CodeOtherKind},
		"BMP": {append([]byte("BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"),
			make([]byte, 60)...), imagecheck.CodeOtherKind},
		"SVG": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"></svg>`), imagecheck.CodeOtherKind},
		"a jpg with arithmetic coding": {bytes.Replace(photo, []byte("\xff\xc0"), []byte("\xff\xc9"), 1),
			imagecheck.CodeOtherKind},
		"HTML":                        {[]byte("<!DOCTYPE html><html></html>"), imagecheck.CodeNotImage},
		"ZIP":                         {[]byte("PK\x03\x04" + strings.Repeat("\x00", 30)), imagecheck.CodeNotImage},
		"a film":                      {[]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"), imagecheck.CodeNotImage},
		"text":                        {[]byte("my license"), imagecheck.CodeNotImage},
		"half of a png's first bytes": {[]byte("\x89PNG\r\n"), imagecheck.CodeNotImage},
		"a png that begins late":      {append([]byte("x"), scan...), imagecheck.CodeNotImage},
		"a jpg's first bytes":         {photo[:3], imagecheck.CodeBroken},
		"a wrong sum":                 {damaged, imagecheck.CodeBroken},
		"no pixels in it":             {append(header(400, 400, 8, 2, 0), oneChunk("IEND", "")...), imagecheck.CodeBroken},
		"no width":                    {header(0, 400, 8, 2, 0), imagecheck.CodeBroken},
		"a jpg of no height":          {resize(photo, 0, 800), imagecheck.CodeBroken},
		"a hundred and one scans":     {progressive(320, 320, 101), imagecheck.CodeBroken},
		"a few bytes, many pixels":    {header(10000, 5000, 8, 2, 0), imagecheck.CodeBroken},
		"a short jpg, many pixels":    {resize(photo, 5000, 10000), imagecheck.CodeBroken},
		"short":                       {asPNG(t, image.NewGray(image.Rect(0, 0, 4000, 299))), imagecheck.CodeTooSmall},
		"a strip":                     {asJPEG(t, image.NewGray(image.Rect(0, 0, 12000, 1100)), 50), imagecheck.CodeTooSmall},
		"a dot":                       {asJPEG(t, image.NewGray(image.Rect(0, 0, 1, 1)), 90), imagecheck.CodeTooSmall},
		"a flood":                     {header(1<<31-1, 1<<31-1, 8, 2, 0)[:33], imagecheck.CodeTooManyPixels},
		"a bomb":                      {header(100_000, 100_000, 1, 0, 0), imagecheck.CodeTooManyPixels},
		"a jpg bomb":                  {resize(photo, 65535, 65535), imagecheck.CodeTooManyPixels},
		"61 million":                  {header(10_000, 6100, 8, 2, 0), imagecheck.CodeTooManyPixels},
		"long":                        {header(12_001, 400, 8, 2, 0), imagecheck.CodeTooManyPixels},
		"wasteful: 16 bits":           {header(8000, 4000, 16, 6, 0), imagecheck.CodeTooManyPixels},
		"wasteful: interlaced":        {header(8000, 6000, 8, 6, 1), imagecheck.CodeTooManyPixels},
		"wasteful: progressive": {bytes.Replace(resize(photo, 6000, 8000), []byte("\xff\xc0"), []byte("\xff\xc2"), 1),
			imagecheck.CodeTooManyPixels},
		"a ZIP behind it": {append(bytes.Clone(photo), zipped(t, "")...), imagecheck.CodePolyglot},
		"a ZIP with a long comment": {append(bytes.Clone(scan), zipped(t, strings.Repeat("-", 65000))...),
			imagecheck.CodePolyglot},
		"a ZIP within a comment": {segment(asJPEG(t, empty, 90), 0xfe, string(zipped(t, ""))), imagecheck.CodePolyglot},
		"a PDF in its comment":   {segment(photo, 0xfe, "%PDF-1.7\n1 0 obj"), imagecheck.CodePolyglot},
		"a PDF in its text":      {chunk(scan, "tEXt", "Comment\x00%PDF-1.7\n1 0 obj"), imagecheck.CodePolyglot},
		"a PDF behind it":        {append(bytes.Clone(scan), "\n%PDF-1.7\n1 0 obj"...), imagecheck.CodePolyglot},
		"PHP in its comment":     {segment(photo, 0xfe, "<?php system('id');"), imagecheck.CodePolyglot},
		"PHP in its EXIF": {segment(photo, 0xe1, "Exif\x00\x00MM\x00*<?PHP\nsystem('id');"),
			imagecheck.CodePolyglot},
		"PHP in a png's EXIF": {chunk(scan, "eXIf", "MM\x00*<?php\nsystem('id');"), imagecheck.CodePolyglot},
		"PHP behind a jpg":    {append(bytes.Clone(photo), "<?php system('id');"...), imagecheck.CodePolyglot},
		"a script far into it": {segment(segment(photo, 0xfe, "<SCRIPT>alert(1)</SCRIPT>"), 0xe5,
			strings.Repeat("x", 9000)), imagecheck.CodePolyglot},
		"HTML behind a png": {append(bytes.Clone(scan), "<html><body>"...), imagecheck.CodePolyglot},
		"a script behind fill bytes": {fillBytes(segment(segment(photo, 0xfe, "<script src=//x>"), 0xe5,
			strings.Repeat("x", 9000))), imagecheck.CodePolyglot},
	} {
		seen[test.code] = true
		t.Run(name, func(t *testing.T) {
			_, err := judge(test.content)
			require.Equal(t, test.code, code(t, err), "%v", err)
		})
	}
	for _, c := range imagecheck.Codes {
		require.True(t, seen[c], "%s has no row", c)
	}
	require.Len(t, seen, len(imagecheck.Codes))
}

// resize writes another size into a jpg's frame header.
func resize(photo []byte, height, width uint16) []byte {
	out := bytes.Clone(photo)
	frame := bytes.Index(out, []byte("\xff\xc0"))
	binary.BigEndian.PutUint16(out[frame+5:], height)
	binary.BigEndian.PutUint16(out[frame+7:], width)
	return out
}

// fillBytes puts fill bytes before each of the first markers.
func fillBytes(photo []byte) []byte {
	return slices.Concat(photo[:2], []byte("\xff\xff\xff"), photo[2:])
}

func zipped(t *testing.T, comment string) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	_, err := w.Create("run.exe")
	require.NoError(t, err)
	require.NoError(t, w.SetComment(comment))
	require.NoError(t, w.Close())
	return out.Bytes()
}
