package cli

import (
	"cmp"
	"context"
	"fmt"
	"os/user"
	"strings"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
)

// actor is the operator who runs this program: --as, or KYC_OPERATOR, or else the
// user of the operating system. The case keeps the name with what was done to it.
func (a *app) actor() (kyc.Actor, error) {
	name, source := a.as, "--as"
	if name == "" {
		lookup, err := a.lookup()
		if err != nil {
			return "", err
		}
		if name, _, err = lookup.Value("KYC_OPERATOR"); err != nil {
			return "", err
		}
		source = "KYC_OPERATOR"
	}
	if name == "" {
		return systemUser(), nil
	}
	by, ok := kyc.Operator(name)
	if !ok {
		return "", &cliError{err: fmt.Errorf("%s must be 1 to 64 letters, digits or . _ @ + -, the first a letter or digit",
			source), code: exitUsage, next: "starter … --as anna.smith"}
	}
	return by, nil
}

// systemUser is the user of the operating system, without the domain that Windows
// puts in front; operator:unknown where it has no usable name.
func systemUser() kyc.Actor {
	u, err := user.Current()
	if err == nil {
		if by, ok := kyc.Operator(u.Username[strings.LastIndexByte(u.Username, '\\')+1:]); ok {
			return by
		}
	}
	by, _ := kyc.Operator("unknown")
	return by
}

// actAndPrint is callAndPrint for a call that changes the case.
func (a *app) actAndPrint(ctx context.Context, command string, r reference,
	call func(cases.Client, context.Context, string, kyc.Actor) (kyc.View, error)) error {
	by, err := a.actor()
	if err := cmp.Or(r.check(command), err); err != nil {
		return err
	}
	return a.callAndPrint(ctx, command, r, func(c cases.Client, ctx context.Context, reference string) (kyc.View, error) {
		return call(c, ctx, reference, by)
	})
}
