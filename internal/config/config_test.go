package config_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
)

func TestValue(t *testing.T) {
	files := 0
	file := func(content string) string {
		files++
		path := filepath.Join(t.TempDir(), strconv.Itoa(files))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	secret := file("from a file\r\n")
	tests := []struct {
		name      string
		variables map[string]string
		value     string
		ok        bool
		problem   string
	}{
		{"not set", nil, "", false, ""},
		{"set", map[string]string{"A": "a"}, "a", true, ""},
		{"set to nothing", map[string]string{"A": ""}, "", false, ""},
		{"set to a blank", map[string]string{"A": " "}, "", false, ""},
		{"set to nothing, and a file", map[string]string{"A": "", "A_FILE": secret}, "from a file", true, ""},
		{"set, and a file of no name", map[string]string{"A": "a", "A_FILE": ""}, "a", true, ""},
		{"a file of no name", map[string]string{"A_FILE": ""}, "", false, ""},
		{"a byte-order mark", map[string]string{"A": "\ufeffa"}, "a", true, ""},
		{"a file with a byte-order mark", map[string]string{"A_FILE": file("\ufeffs3cret\r\n")}, "s3cret", true, ""},
		{"a blank within is part of the value", map[string]string{"A_FILE": file(" s3 cret \n")}, " s3 cret ", true, ""},
		{"an empty file", map[string]string{"A_FILE": file("\r\n")}, "", false,
			"the file named by A_FILE is empty: write the value into it, or unset A_FILE"},
		{"a file of a byte-order mark alone", map[string]string{"A_FILE": file("\ufeff\n")}, "", false,
			"the file named by A_FILE is empty: write the value into it, or unset A_FILE"},
		{"UTF-16, little endian", map[string]string{"A_FILE": file("\xff\xfes\x003\x00")}, "", false,
			"the file named by A_FILE is UTF-16 or binary: save it as UTF-8 text"},
		{"UTF-16, big endian", map[string]string{"A_FILE": file("\xfe\xff\x00s\x003")}, "", false,
			"the file named by A_FILE is UTF-16 or binary: save it as UTF-8 text"},
		{"UTF-16 without a mark", map[string]string{"A_FILE": file("s\x003\x00")}, "", false,
			"the file named by A_FILE is UTF-16 or binary: save it as UTF-8 text"},
		{"by file", map[string]string{"A_FILE": secret}, "from a file", true, ""},
		{"both", map[string]string{"A": "a", "A_FILE": secret}, "", false, "both A and A_FILE are set: unset one of them"},
		{"no such file", map[string]string{"A_FILE": secret + "not"}, "", false,
			"cannot read the file named by A_FILE: no such file or directory"},
		{"a directory", map[string]string{"A_FILE": filepath.Dir(secret)}, "", false,
			"cannot read the file named by A_FILE: is a directory"},
		{"the secret itself instead of its file", map[string]string{"A_FILE": "s3cret"}, "", false,
			"cannot read the file named by A_FILE: no such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value, ok, err := config.Map(test.variables).Value("A")
			require.Equal(t, test.value, value)
			require.Equal(t, test.ok, ok)
			if test.problem == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.problem)
			}
		})
	}
}

func TestChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("file"), 0o600))
	first := config.Map(map[string]string{"A": "1", "C_FILE": file, "D": "1", "F": "", "G_FILE": ""})
	second := config.Map(map[string]string{"A": "2", "B": "2", "C": "2", "D_FILE": file, "F": "2", "G": "2"})
	for name, want := range map[string]string{
		"A": "1", "B": "2",
		"C": "file", // a file in the first place goes before a value in the second
		"D": "1",    // and the other way round
		"E": "",
		"F": "2", "G": "2", // set to nothing in the first place
	} {
		value, ok, err := config.Chain(first, second).Value(name)
		require.NoError(t, err, name)
		require.Equal(t, want, value, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestRereadFollowsTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("one\n")
	byFile := config.Map(map[string]string{"A_FILE": file}).Reread("A", "one")
	byFlag := config.Map(map[string]string{"A_FILE": file}).Reread("A", "given as a flag")
	byValue := config.Map(map[string]string{"A": "one"}).Reread("A", "one")
	write("two\n")
	for want, read := range map[string]func() (string, error){"two": byFile, "given as a flag": byFlag, "one": byValue} {
		value, err := read()
		require.NoError(t, err)
		require.Equal(t, want, value)
	}
	write("")
	_, err := byFile()
	require.ErrorContains(t, err, "the file named by A_FILE is empty")
}

func TestDevFile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())

	path := filepath.Join(t.TempDir(), "env")
	values, stale, err := config.DevFile(path)
	require.NoError(t, err)
	require.Nil(t, values)
	require.False(t, stale, "nothing there is nothing stale")

	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write("# addresses\nTEMPORAL_ADDRESS=" + listener.Addr().String() + "\n\nA=1=2\nB=\n")
	values, stale, err = config.DevFile(path)
	require.NoError(t, err)
	require.False(t, stale)
	require.Equal(t, map[string]string{"TEMPORAL_ADDRESS": listener.Addr().String(), "A": "1=2", "B": ""}, values)

	write("TEMPORAL_ADDRESS=" + gone.Addr().String() + "\n")
	_, stale, err = config.DevFile(path)
	require.NoError(t, err)
	require.True(t, stale)

	write("A=1\nnonsense s3cret\n")
	_, _, err = config.DevFile(path)
	require.EqualError(t, err, "line 2 of "+path+" is not NAME=value", "the line itself may be a secret")
}

// A shell that sources the file has each value as it is, whatever is in it.
func TestAShellReadsTheDevFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	for _, value := range []string{"127.0.0.1:7233", `{"primaryKeyId":1,"key":[{"a":"b c"}]}`, "it's",
		"$HOME `id` \\ \"x\"", "", "a;b"} {
		require.NoError(t, os.WriteFile(path, []byte(config.DevLine("KYC_X", value)), 0o600))
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `. "$1" && printf %s "$KYC_X"`, "sh", path).Output()
		require.NoError(t, err)
		require.Equal(t, value, string(out))
		values, _, err := config.DevFile(path)
		require.NoError(t, err)
		require.Equal(t, value, values["KYC_X"])
	}
}
