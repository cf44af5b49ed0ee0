package exam

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"durablekyc.example/records/bundle"
)

// The entries of a pack that are not evidence.
const (
	PageName      = "index.html"
	InfoName      = "pack.json"
	CSVName       = "population.csv"
	RowsName      = "population.jsonl"
	ManifestsName = "manifests.jsonl"

	evidencePrefix = "evidence/"
)

func evidenceName(index int64) string { return evidencePrefix + strconv.FormatInt(index, 10) + ".kyc" }

// maxEntry is the size in bytes beyond which no entry is read: a million manifests have less.
const maxEntry = 4 << 30

// Write writes the pack as a zip. The same pack is always the same bytes: nothing in it is compressed, as one content
// has many compressed forms.
func (p *Pack) Write(to io.Writer) error {
	entries, err := p.texts()
	if err != nil {
		return err
	}
	return p.write(to, entries)
}

// write writes these entries, and the evidence behind them.
func (p *Pack) write(to io.Writer, entries []entry) error {
	for _, index := range slices.Sorted(maps.Keys(p.Evidence)) {
		entries = append(entries, entry{evidenceName(index), p.Evidence[index]})
	}
	archive := zip.NewWriter(to)
	for _, e := range entries {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(e.data)
		}
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

type entry struct {
	name string
	data []byte
}

// texts are the entries in front of the evidence.
func (p *Pack) texts() ([]entry, error) {
	info, err := json.MarshalIndent(p.Info, "", "  ")
	if err != nil {
		return nil, err
	}
	var table, lines, page bytes.Buffer
	if err := writeCSV(&table, p.Rows); err != nil {
		return nil, err
	}
	encoder := json.NewEncoder(&lines)
	for _, r := range p.Rows {
		if err := encoder.Encode(r); err != nil {
			return nil, err
		}
	}
	if err := p.page(&page); err != nil {
		return nil, err
	}
	return []entry{{PageName, page.Bytes()}, {InfoName, append(info, '\n')}, {CSVName, table.Bytes()},
		{RowsName, lines.Bytes()}, {ManifestsName, slices.Concat(bytes.Join(p.Manifests, []byte("\n")), []byte("\n"))}}, nil
}

// Is reports whether a file is a pack and not evidence, by its first bytes.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte("PK\x03\x04")) }

// Read reads a pack, and refuses what Write would not have written in any entry but the page and the evidence, which
// are for Check. Every fault is a *bundle.PartError.
func Read(data []byte) (*Pack, error) {
	files, err := unzip(data)
	if err != nil {
		return nil, err
	}
	p := &Pack{Evidence: map[int64][]byte{}}
	if err := json.Unmarshal(files[InfoName], &p.Info); err != nil {
		return nil, fault(InfoName, "it is not what a pack is of")
	}
	if p.Info.Format != Format {
		return nil, fault(InfoName, "its format is %d, and this program reads %d", p.Info.Format, Format)
	}
	for line := range bytes.Lines(files[RowsName]) {
		var r Row
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fault(RowsName, "line %d is not a row", len(p.Rows)+1)
		}
		p.Rows = append(p.Rows, r)
	}
	for line := range bytes.Lines(files[ManifestsName]) {
		p.Manifests = append(p.Manifests, bytes.TrimSuffix(line, []byte("\n")))
	}
	for name, content := range files {
		index, isEvidence := strings.CutPrefix(name, evidencePrefix)
		if !isEvidence {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(index, ".kyc"), 10, 64)
		if err != nil || evidenceName(n) != name {
			return nil, fault(name, "it does not belong here")
		}
		p.Evidence[n] = content
	}
	again, err := p.texts()
	if err != nil {
		return nil, err
	}
	for i, e := range again {
		if e.name == PageName {
			p.shown = files[PageName]
			again[i].data = p.shown
		} else if !bytes.Equal(e.data, files[e.name]) {
			return nil, fault(e.name, "it is not what this pack has there")
		}
		delete(files, e.name)
	}
	if stray := len(files) - len(p.Evidence); stray > 0 {
		return nil, fault("the pack", "it has %d entries that do not belong here", stray)
	}
	return p, p.exactly(data, again)
}

// exactly refuses a file that has the same contents in other bytes than Write's.
func (p *Pack) exactly(data []byte, entries []entry) error {
	var again bytes.Buffer
	if err := p.write(&again, entries); err != nil {
		return err
	}
	if bytes.Equal(again.Bytes(), data) {
		return nil
	}
	at, part := 0, "the pack"
	for at < min(again.Len(), len(data)) && again.Bytes()[at] == data[at] {
		at++
	}
	from, err := zip.NewReader(bytes.NewReader(again.Bytes()), int64(again.Len()))
	if err != nil {
		return err
	}
	for _, f := range from.File {
		begins, err := f.DataOffset()
		ends := begins + int64(f.UncompressedSize64) + descriptorSize
		if err == nil && int64(at) >= begins-int64(headerSize+len(f.Name)) && int64(at) < ends {
			part = f.Name
		}
	}
	return fault(part, "byte %d of the file is not what this pack has there", at)
}

// Sizes of what is around the data of an entry in a zip: the header in front of it, without its name, and the
// descriptor behind it.
const (
	headerSize     = 30
	descriptorSize = 16
)

// unzip returns the entries of a zip that has each of them once, and at least those in front of the evidence.
func unzip(data []byte) (map[string][]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fault("the pack", "it is cut off or is not a zip")
	}
	files := map[string][]byte{}
	for _, f := range archive.File {
		if _, twice := files[f.Name]; twice {
			return nil, fault(f.Name, "it is there twice")
		}
		content, err := contentOf(f)
		if err != nil {
			return nil, fault(f.Name, "it is damaged")
		}
		files[f.Name] = content
	}
	for _, name := range []string{PageName, InfoName, CSVName, RowsName, ManifestsName} {
		if _, found := files[name]; !found {
			return nil, fault(name, "it is missing")
		}
	}
	return files, nil
}

func contentOf(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxEntry {
		return nil, errors.New("too large")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, maxEntry))
	return content, errors.Join(err, r.Close())
}

func fault(part, format string, args ...any) error {
	return &bundle.PartError{Part: part, Reason: fmt.Sprintf(format, args...)}
}
