package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

type uploadCommand struct {
	reference
	Entity string `help:"Whose documents these are; not needed if one entity alone wants some."`
	Type   string `help:"The kind of document." default:"license"`
	Front  string `required:"" type:"existingfile" help:"Image of the front, jpg or png."`
	Back   string `type:"existingfile" help:"Image of the back; a license wants it."`
}

func (c uploadCommand) Run(a *app) error {
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) {
		return cases.Show(ctx, c.Reference)
	})
	if err != nil {
		return about(c.Reference, err)
	}
	if c.Entity == "" {
		if c.Entity, err = onlyOne(view); err != nil {
			return &hinted{err, "starter show " + c.Reference}
		}
	}
	sides := map[kyc.Side][]byte{}
	for side, path := range map[kyc.Side]string{kyc.Front: c.Front, kyc.Back: c.Back} {
		if path == "" {
			continue
		}
		if sides[side], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	a.out.aside(fmt.Sprintf("handing the %s of %s over to the case", c.Type, c.Entity))
	view, err = send(a, c.Reference, c.Entity, kyc.DocumentType(c.Type), sides)
	if err != nil {
		return about(c.Reference, err)
	}
	return a.out.view(view)
}

// onlyOne is the entity that wants documents, if there is just one.
func onlyOne(v kyc.View) (string, error) {
	var who []string
	for _, e := range v.Entities {
		if len(e.Missing) > 0 && e.Status.WantsDocuments() {
			who = append(who, e.ID)
		}
	}
	switch len(who) {
	case 0:
		return "", fmt.Errorf("no documents are wanted: the case is %s", v.Stage)
	case 1:
		return who[0], nil
	}
	return "", fmt.Errorf("several entities want documents: say which with --entity (%s)", strings.Join(who, ", "))
}

// send stores the images and submits them. The same images for the same entity
// are the same submission, so that a repeated upload is not a second one.
func send(a *app, reference, entity string, document kyc.DocumentType, sides map[kyc.Side][]byte) (kyc.View, error) {
	store, err := a.documents()
	if err != nil {
		return kyc.View{}, err
	}
	defer store.Close()
	submission := kyc.Submission{Entity: entity, Type: document}
	identity := sha256.New()
	fmt.Fprintf(identity, "%s\n%s\n%s\n", reference, entity, document)
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		image, given := sides[side]
		if !given {
			continue
		}
		extension, err := docstore.Kind(bytes.NewReader(image))
		if err != nil {
			return kyc.View{}, fmt.Errorf("the %s: %w", side, err)
		}
		submission.Images = append(submission.Images, kyc.Image{Key: "pending", Side: side, Extension: extension})
		sum := sha256.Sum256(image)
		identity.Write(sum[:])
	}
	submission.ID = hex.EncodeToString(identity.Sum(nil)[:16])
	if err := submission.Validate(); err != nil { // before anything is stored
		return kyc.View{}, &usageError{err}
	}
	for i, image := range submission.Images {
		mime := map[string]string{"jpg": "image/jpeg", "png": "image/png"}[image.Extension]
		key, err := store.Put(a.ctx, reference, bytes.NewReader(sides[image.Side]), mime)
		if err != nil {
			return kyc.View{}, err
		}
		submission.Images[i].Key = key
	}
	view, err := ask(a, func(ctx context.Context, cases workflows.Client) (kyc.View, error) {
		return cases.Submit(ctx, reference, submission)
	})
	if errors.Is(err, workflows.ErrNoAnswer) {
		return view, &hinted{errors.New("the case has not answered yet; the images are with it if a worker took them"), "starter show " + reference}
	}
	return view, err
}
