package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"durablekyc.example/cases"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

type uploadCommand struct {
	reference
	Entity string `placeholder:"ID" help:"Entity the documents belong to; optional if only one is waiting."`
	Type   string `default:"license" help:"Document type; a license needs front and back."`
	Front  string `required:"" placeholder:"FILE" help:"Image of the front, jpg or png."`
	Back   string `placeholder:"FILE" help:"Image of the back."`
}

// Run checks everything that can be checked here before it asks the case, and
// asks the case before it stores anything.
func (c uploadCommand) Run(ctx context.Context, a *app) error {
	if err := c.check("upload"); err != nil {
		return err
	}
	if !slices.Contains(kyc.DocumentTypes, kyc.DocumentType(c.Type)) {
		return usage("upload", "unsupported document type %q, %s", c.Type, didYouMean(c.Type, kyc.DocumentTypes))
	}
	pictures, err := c.read(a)
	if err != nil {
		return err
	}
	view, err := a.withTimeout(ctx, answerWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return caseClient.Show(ctx, c.Reference)
	})
	if err != nil {
		return of(c.Reference, err)
	}
	if view.Stage.Final() {
		return &cliError{err: fmt.Errorf("%s is not waiting for documents (stage %s)", c.Reference, view.Stage),
			next: "starter show " + c.Reference}
	}
	entity, err := c.resolveEntity(view)
	if err != nil {
		return err
	}
	a.out.notef("uploading %s for %s …", c.Type, entity)
	if view, err = a.send(ctx, view, entity, kyc.DocumentType(c.Type), pictures); err != nil {
		return err
	}
	return a.out.view(view)
}

// picture is one image, read and judged.
type picture struct {
	side kyc.Side
	imagecheck.Picture
}

// read takes in the files and says what is wrong with them in a way that their
// owner can act on.
func (c uploadCommand) read(a *app) ([]picture, error) {
	var pictures []picture
	for _, file := range []struct {
		side kyc.Side
		path string
	}{{kyc.Front, c.Front}, {kyc.Back, c.Back}} {
		if file.path == "" {
			continue
		}
		judged, err := judge(file.path)
		_, isRefused := errors.AsType[*imagecheck.RefusedError](err)
		switch {
		case isRefused:
			return nil, usage("upload", "invalid %s (%s): %w", file.side, file.path, err)
		case err != nil:
			return nil, usage("upload", "cannot read the %s: %w", file.side, err)
		}
		a.out.notef("%s: %s, sent as %s of %d by %d pixels, %s", file.side, file.path, judged.Extension, judged.Width,
			judged.Height, size(len(judged.Bytes)))
		for _, warning := range judged.Warnings {
			a.out.notef("warning: the %s looks %s; retake it if the text is unreadable", file.side, warning)
		}
		pictures = append(pictures, picture{file.side, judged})
	}
	if err := submission(kyc.View{}, "checked", kyc.DocumentType(c.Type), pictures).Validate(); err != nil {
		return nil, usage("upload", "%w", err)
	}
	if len(pictures) == 2 && pictures[0].Print.Similar(pictures[1].Print) {
		return nil, usage("upload", "front and back are the same picture")
	}
	return pictures, nil
}

func judge(path string) (imagecheck.Picture, error) {
	info, err := os.Stat(path)
	if err != nil {
		return imagecheck.Picture{}, err
	}
	if !info.Mode().IsRegular() {
		return imagecheck.Picture{}, fmt.Errorf("%s is not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return imagecheck.Picture{}, err
	}
	defer file.Close()
	return imagecheck.Check(file, imagecheck.DefaultLimits())
}

// resolveEntity is the entity named, or the only one that wants documents. With one
// entity in all there is no question either: the case itself will say whether
// it wants them, and recognises those it has.
func (c uploadCommand) resolveEntity(v kyc.View) (string, error) {
	var all, wanting []string
	for _, e := range v.Entities {
		all = append(all, e.ID)
		if e.Status.WantsDocuments() && !e.Sending {
			wanting = append(wanting, e.ID)
		}
	}
	next := "starter show " + c.Reference
	switch {
	case c.Entity != "" && !slices.Contains(all, c.Entity):
		return "", &cliError{err: fmt.Errorf("%s has no such entity: %s, %s", c.Reference, c.Entity,
			didYouMean(c.Entity, all)),
			next: next}
	case c.Entity != "":
		return c.Entity, nil
	case len(wanting) == 1:
		return wanting[0], nil
	case len(wanting) > 1:
		return "", &cliError{err: fmt.Errorf("several entities of %s are waiting for documents: use --entity with one of "+
			"%s", c.Reference,
			strings.Join(wanting, ", ")),
			next: fmt.Sprintf("starter upload %s --entity %s --front FILE --back FILE", c.Reference, wanting[0])}
	case len(all) == 1:
		return all[0], nil
	}
	return "", &cliError{err: fmt.Errorf("%s is not waiting for documents now (stage %s)", c.Reference, v.Stage),
		next: next}
}

// submission describes the pictures. Its id is drawn from their judged bytes: the
// same upload again is the same submission.
func submission(v kyc.View, entity string, document kyc.DocumentType, pictures []picture) kyc.Submission {
	s := kyc.Submission{Entity: entity, Type: document, Consent: kyc.ConsentElsewhere()}
	sums := map[kyc.Side][sha256.Size]byte{}
	for _, p := range pictures {
		sum := sha256.Sum256(p.Bytes)
		sums[p.side] = sum
		s.Images = append(s.Images, kyc.Image{Key: "not stored yet", Side: p.side, Extension: p.Extension,
			SHA256: hex.EncodeToString(sum[:])})
	}
	s.ID = v.SubmissionID(entity, document, sums)
	return s
}

// send stores the pictures and hands them to the case, which answers once
// ConnectFi did.
func (a *app) send(ctx context.Context, v kyc.View, entity string, document kyc.DocumentType,
	pictures []picture) (kyc.View, error) {
	by, err := a.actor()
	if err != nil {
		return kyc.View{}, err
	}
	store, err := a.documents(ctx)
	if err != nil {
		return kyc.View{}, err
	}
	defer func() { _ = store.Close() }()
	reference, s := v.Reference, submission(v, entity, document, pictures)
	s.By = by
	for i, p := range pictures {
		mime := map[string]string{"jpg": "image/jpeg", "png": "image/png"}[p.Extension]
		if s.Images[i].Key, err = store.Put(ctx, reference, bytes.NewReader(p.Bytes), mime); err != nil {
			return kyc.View{}, &cliError{err: fmt.Errorf("cannot store the %s: %w", p.side, err), next: "starter show " +
				reference}
		}
	}
	view, err := a.withTimeout(ctx, submitWithin, func(ctx context.Context, caseClient cases.Client) (kyc.View, error) {
		return caseClient.Submit(ctx, reference, s)
	})
	if errors.Is(err, cases.ErrBusy) {
		return view, &cliError{err: fmt.Errorf(
			"still waiting for ConnectFi (%s); safe to retry", reference), next: "starter watch " +
			reference}
	}
	return view, of(reference, err)
}

func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KB", (bytes+1023)/1024)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
}
