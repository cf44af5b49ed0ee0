package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/dev/services"
	"durablekyc.example/dev/stack/embedded"
	"durablekyc.example/kyc"
)

// smallVolume is a folder on a file system of its own, which can be filled. Where
// this program may not mount one it is any folder, and CI does not accept that.
func smallVolume(t *testing.T, size string) (folder string, small bool) {
	t.Helper()
	folder = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "small", folder).CombinedOutput(); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI must not leave the full disk out: %s", out)
		t.Logf("the full disk is left out, because it needs a file system that root mounts: %s", out)
		return folder, false
	}
	// Temporal keeps connections to SQLite for as long as the process lasts.
	t.Cleanup(func() { require.NoError(t, exec.Command("umount", "--lazy", folder).Run()) })
	return folder, true
}

// fill leaves a small volume without room until empty is called.
func fill(t *testing.T, folder string) (empty func()) {
	t.Helper()
	filler := filepath.Join(folder, "filler")
	file, err := os.Create(filler)
	require.NoError(t, err)
	for block := make([]byte, 1<<20); err == nil; {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
	return func() { require.NoError(t, os.Remove(filler)) }
}

// A dev stack whose --data is full ends with one sentence that names the folder, and
// leaves nothing half made there: once there is room it starts. One that runs
// says the same and goes on, and so do its cases.
func TestAFullDiskIsSaid(t *testing.T) {
	dir, small := smallVolume(t, "8m")
	if !small {
		return
	}
	o := options{data: dir, work: t.TempDir(), withUI: true}
	says := "the disk or quota of " + dir + " is full: make room there"
	refused := func(left ...string) {
		t.Helper()
		_, err := startSystem(t.Context(), o)
		require.EqualError(t, err, says)
		require.ErrorAs(t, err, new(*embedded.FullError))
		if left != nil {
			require.Equal(t, left, names(t, dir))
		}
	}
	empty := fill(t, dir)
	refused("filler")
	_, err := services.NewSecrets(dir)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, []string{"filler"}, names(t, dir), "half a secret is not kept")
	require.NoError(t, os.Truncate(filepath.Join(dir, "filler"), 8<<20-200<<10)) // room for some of the tables
	refused("filler")
	empty()

	own := beside(t, o)
	v := begin(t, "fulldisk1", customers(t, "individual", "review", 1)[0], patient())
	var said lines
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); sayFull(ctx, own.temporal.Full, own.temporal.Place, &said) }()
	defer func() { stop(); <-ended }()
	empty = fill(t, dir)
	impatient, giveUp := context.WithTimeout(t.Context(), 3*time.Second)
	defer giveUp()
	_, err = own.cases.Start(impatient,
		cases.StartOptions{Reference: "fulldisk2", CustomerID: v.CustomerID, Policy: patient()})
	require.Error(t, err)
	require.Eventually(t, func() bool { return said.String() != "" }, 10*time.Second, 50*time.Millisecond,
		"nothing is said")
	require.Equal(t, "dev: "+says+"; until then Temporal keeps nothing, and cases wait\n", said.String())
	empty()
	decide(t, v, "approved")
	require.Equal(t, kyc.Approved, until(t, v.Reference, final).Stage)
	require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())

	require.NoError(t, own.stop())
	empty = fill(t, dir)
	refused()
	empty()
	again, err := startSystem(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, again.stop())
}

// names lists a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A PostgreSQL on a full disk and errors that are none of a full disk.
func TestFullDisksByTheirWords(t *testing.T) {
	for words, full := range map[string]bool{
		"ERROR: could not extend file \"base/1/2\": No space left on device (SQLSTATE 53100)": true,
		"operation InsertIntoHistoryNode failed. Error: database or disk is full (13)":        true,
		"disk I/O error (266)": false,
		"ERROR: duplicate key value violates unique constraint \"executions_pkey\" (SQLSTATE 23505)": false,
	} {
		err := errors.New(words)
		if full {
			require.EqualError(t, embedded.WithoutRoom("here", err), "the disk or quota of here is full: make room there")
		} else {
			require.Equal(t, err, embedded.WithoutRoom("here", err))
		}
	}
	require.NoError(t, embedded.WithoutRoom("here", nil))
}
