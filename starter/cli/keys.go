package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"durablekyc.example/internal/seal"
)

// keysCommand makes secrets. It is the one-shot job of docker-compose.
type keysCommand struct {
	Init keysInitCommand `cmd:"" help:"Write the secrets that are missing to a directory, one file each."`
}

type keysInitCommand struct {
	Directory string `arg:"" type:"existingdir" help:"Where the files go; what is there stays."`
}

func (c keysInitCommand) Run(a *app) error {
	for _, secret := range []struct{ name, value string }{
		{"link_keys", seal.NewKey()}, {"connectfi_login", "sandbox"}, {"connectfi_password", rand.Text()},
	} {
		path := filepath.Join(c.Directory, secret.name)
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the secret cannot be written: %w", err)
		}
		_, err = file.WriteString(secret.value + "\n")
		if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
			return errors.Join(fmt.Errorf("the secret cannot be written: %w", err), os.Remove(path))
		}
		a.out.aside("wrote " + path)
	}
	return nil
}
