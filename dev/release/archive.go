package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file on its way into an archive.
type entry struct {
	name string // in the archive
	file string
	mode int64
}

// pack writes an archive in which only names, modes and contents count: whose
// files they are and how old is left out.
func pack(to string, entries []entry) (err error) {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	zipped, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b entry) int {
		return strings.Compare(a.name,
			b.name)
	}) {
		if err := add(archive, e); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

func add(archive *tar.Writer, e entry) error {
	file, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: info.Size(), ModTime: time.Unix(0, 0),
		Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

// below lists the files of a directory, under another name.
func below(directory, as string) (all []entry, err error) {
	err = filepath.WalkDir(directory, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(directory, file)
		all = append(all, entry{path.Join(as, filepath.ToSlash(relative)), file, 0o644})
		return err
	})
	return all, err
}
