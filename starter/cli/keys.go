package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/records/log"
)

// keysCommand makes secrets. It is the one-shot job of docker-compose.
type keysCommand struct {
	Init   keysInitCommand   `cmd:"" help:"Generate missing secrets into a directory."`
	New    keysNewCommand    `cmd:"" help:"Generate secrets and print them as NAME=value."`
	Rotate keysRotateCommand `cmd:"" help:"Rotate: add a new primary key; older keys still decrypt."`
	Wrap   keysWrapCommand   `cmd:"" help:"Encrypt KYC_KEYSET with the KMS key KYC_KEYSET_KEK."`
	Log    keysLogCommand    `cmd:"" help:"Generate the key that signs the log of records, and print both its parts."`
}

type keysInitCommand struct {
	Directory string `arg:"" name:"dir" help:"Target directory (mode 0700). Existing files are kept, except the ConnectFi login."`
}

// secrets are the files that services read by their …_FILE variables, and how
// each is drawn: within ConnectFi's rules for a login and a password (C). What
// a variable gives is written in place of a draw: ConnectFi hands out its own.
var secrets = []struct {
	name  string
	draw  func() (string, error)
	given string
}{
	{"link_keys", always(linktoken.NewKey), ""},
	{"keyset", encryption.NewKeyset, ""},
	{"notify_secret", always(delivery.NewSecret), ""},
	{"connectfi_login", always(func() string { return "kyc_" + rand.Text() }), "CONNECTFI_LOGIN"},
	{"connectfi_password", always(rand.Text), "CONNECTFI_PASSWORD"},
	{"api_tokens", always(linktoken.NewKey), ""},
	{"records_key", newLogKey, ""},
}

// newLogKey draws a key of a log of records that nobody has named.
func newLogKey() (string, error) {
	private, _, err := log.NewKey("durablekyc/records")
	return private, err
}

func always(draw func() string) func() (string, error) {
	return func() (string, error) { return draw(), nil }
}

// Run writes what is missing. Any number of runs, also at once, end with the
// secrets of the run that came first.
func (c keysInitCommand) Run(a *app) error {
	made := map[string]string{}
	err := os.MkdirAll(c.Directory, 0o700)
	for _, secret := range secrets {
		if err != nil {
			break
		}
		path := filepath.Join(c.Directory, secret.name)
		var text string
		if secret.given != "" {
			text, _, err = a.environment.Value(secret.given)
		}
		if err == nil && text != "" {
			err = replace(path, text+"\n")
			made[secret.name] = "given"
			continue
		}
		if err == nil {
			text, err = secret.draw()
		}
		var written bool
		if err == nil {
			written, err = writeOnce(path, text+"\n")
		}
		made[secret.name] = map[bool]string{true: "written", false: "kept"}[written]
	}
	if err != nil {
		return &cliError{err: fmt.Errorf("cannot write the secrets as user %d: %w", os.Getuid(), err),
			next: "starter keys init a-directory-that-you-own"}
	}
	if a.out.json {
		return a.out.value(made)
	}
	for _, secret := range secrets {
		a.out.printf("%-8s %s", made[secret.name], filepath.Join(c.Directory, secret.name))
	}
	return nil
}

// writeOnce makes a file that only its owner can read, whole or not at all,
// unless it is there: then it reports false. An empty file is not there.
func writeOnce(path, content string) (written bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return false, fmt.Errorf("%s is not a file", path)
	case err == nil && info.Size() > 0:
		return false, nil
	case err == nil:
		if err := os.Remove(path); err != nil {
			return false, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	err = writeNew(path, textOf(content))
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}
