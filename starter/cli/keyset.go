package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/linktoken"
)

// What a deployment without files keeps elsewhere is printed as NAME=value, a
// line each, for a file of variables or a secret store. With KYC_KEYSET_KEK a
// keyset is read and printed encrypted.
type (
	keysNewCommand    struct{}
	keysWrapCommand   struct{}
	keysRotateCommand struct {
		Directory string `arg:"" optional:"" name:"dir" help:"Directory created by keys init; its keyset is replaced in place (default: read KYC_KEYSET, print)."`
	}
)

// Run draws the secrets that our programs share with nobody but each other.
func (keysNewCommand) Run(ctx context.Context, a *app) error {
	kek, err := a.kek()
	if err != nil {
		return err
	}
	keyset, err := encryption.NewKeyset()
	if err == nil && kek != "" {
		keyset, err = encryption.WrapKeyset(ctx, keyset, kek)
	}
	if err != nil {
		return wrongKeyset(err)
	}
	return a.secrets([][2]string{{"KYC_LINK_KEYS", linktoken.NewKey()}, {"KYC_KEYSET", keyset},
		{"KYC_NOTIFY_SECRET", delivery.NewSecret()}})
}

// Run encrypts a keyset that was in clear so far.
func (keysWrapCommand) Run(ctx context.Context, a *app) error {
	kek, err := a.kek()
	if err != nil {
		return err
	}
	text, err := a.secret("KYC_KEYSET")
	if err == nil {
		text, err = encryption.WrapKeyset(ctx, text, kek)
	}
	if err != nil {
		return wrongKeyset(err)
	}
	return a.secrets([][2]string{{"KYC_KEYSET", text}})
}

// Run adds a key that encrypts from now on. The worker gets the new keyset
// first: what it cannot open waits for it, and an applicant would wait with it.
func (c keysRotateCommand) Run(ctx context.Context, a *app) error {
	kek, err := a.kek()
	if err != nil {
		return err
	}
	var text string
	path := filepath.Join(c.Directory, "keyset")
	if c.Directory == "" {
		text, err = a.secret("KYC_KEYSET")
	} else {
		var content []byte
		content, err = os.ReadFile(path)
		text = string(content)
	}
	if err == nil {
		text, err = rotated(ctx, text, kek)
	}
	if err == nil && c.Directory != "" {
		err = replace(path, text+"\n")
	}
	if err != nil {
		return wrongKeyset(err)
	}
	a.out.notef("restart the worker with it first, then the other programs; the older keys in it still decrypt")
	if c.Directory == "" {
		return a.secrets([][2]string{{"KYC_KEYSET", text}})
	}
	if a.out.json {
		return a.out.value(map[string]string{"keyset": "rotated"})
	}
	a.out.printf("%-8s %s", "rotated", path)
	return nil
}

func rotated(ctx context.Context, text, kek string) (string, error) {
	if kek == "" {
		if _, err := encryption.OpenKeyset(ctx, text, ""); err != nil {
			return "", err
		}
		return encryption.RotateKeyset(text)
	}
	plain, err := encryption.UnwrapKeyset(ctx, text, kek)
	if err == nil {
		plain, err = encryption.RotateKeyset(plain)
	}
	if err != nil {
		return "", err
	}
	return encryption.WrapKeyset(ctx, plain, kek)
}

// kek is the URL of the key that encrypts keysets; empty if there is none.
func (a *app) kek() (string, error) {
	kek, _, err := a.environment.Value("KYC_KEYSET_KEK")
	if err != nil {
		return "", wrongKeyset(err)
	}
	return kek, nil
}

// secret is one that has to be set in the environment: that of a running dev
// stack is nothing to hand on.
func (a *app) secret(name string) (string, error) {
	text, _, err := a.environment.Value(name)
	if err == nil && text == "" {
		err = errors.New(name + " is not set")
	}
	return text, err
}

func wrongKeyset(err error) error {
	return &cliError{err: fmt.Errorf("cannot make a keyset: %w", err),
		next: "KYC_KEYSET_FILE=the-file-that-the-worker-reads starter keys rotate"}
}

// secrets prints what was asked for, as it is: a secret holds no character
// that moves a terminal.
func (a *app) secrets(named [][2]string) error {
	if a.out.json {
		all := map[string]string{}
		for _, one := range named {
			all[one[0]] = one[1]
		}
		return a.out.value(all)
	}
	for _, one := range named {
		a.out.printf("%s=%s", one[0], one[1])
	}
	return nil
}
