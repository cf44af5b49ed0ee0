package services

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/records/log"
)

// Secrets are what the services make for themselves.
type Secrets struct {
	Login, Password, LinkKeys, Keyset, Notify, APIToken, APIPassword, RecordsKey string
}

// NewSecrets draws secrets, or reads those that a directory keeps and writes there what it lacks; an empty dir keeps
// nothing.
func NewSecrets(dir string) (Secrets, error) {
	keyset, err := encryption.NewKeyset()
	if err != nil {
		return Secrets{}, err
	}
	recordsKey, _, err := log.NewKey("dev/records")
	s := Secrets{Login: "sandbox", Password: rand.Text(), LinkKeys: linktoken.NewKey(), Keyset: keyset,
		Notify: delivery.NewSecret(), APIToken: linktoken.NewKey(), APIPassword: rand.Text(), RecordsKey: recordsKey}
	if dir == "" || err != nil {
		return s, err
	}
	for name, value := range map[string]*string{"connectfi_password": &s.Password, "link_keys": &s.LinkKeys,
		"keyset": &s.Keyset, "notify_secret": &s.Notify, "api_tokens": &s.APIToken, "api_password": &s.APIPassword,
		"records_key": &s.RecordsKey} {
		path := filepath.Join(dir, name)
		switch kept, err := os.ReadFile(path); {
		case err == nil:
			*value = string(kept)
		case errors.Is(err, os.ErrNotExist):
			if err := writeWhole(path, *value); err != nil { // half of one would be taken for a whole one later
				return s, err
			}
		default:
			return s, err
		}
	}
	return s, nil
}

// writeWhole writes a file for this user alone, all or nothing.
func writeWhole(path, text string) error {
	unfinished := path + ".new"
	if err := os.WriteFile(unfinished, []byte(text), 0o600); err != nil {
		_ = os.Remove(unfinished)
		return err
	}
	return os.Rename(unfinished, path)
}
