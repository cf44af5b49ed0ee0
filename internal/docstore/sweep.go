package docstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"gocloud.dev/blob"

	"durablekyc.example/internal/encryption"
)

// Owner is what a bucket holds of one owner.
type Owner struct {
	Name   string
	Images int
	Oldest time.Time // when the oldest image or note was stored; zero without any
	Newest time.Time // when the newest thing was stored, of whatever kind
}

// ErrNoOwner: a folder does not name its owner, or not with these keys.
var ErrNoOwner = errors.New("document folder has no owner record")

// Owners lists what there is of each owner, in no particular order.
// What is stored or deleted meanwhile may or may not be listed. ErrNoOwner comes
// in place of an owner, and the next one follows; any other error is the end.
func (s *Store) Owners(ctx context.Context) iter.Seq2[Owner, error] {
	return func(yield func(Owner, error) bool) {
		var at string
		var owner Owner
		// tell reports a finished folder: false if the caller wants no more.
		tell := func() bool {
			if at == "" {
				return true
			}
			name, err := s.readOwner(ctx, at)
			if errors.Is(err, ErrNotFound) || errors.Is(err, encryption.ErrSealed) {
				return yield(Owner{}, fmt.Errorf("%w: %w", ErrNoOwner, err))
			}
			if err != nil {
				yield(Owner{}, err)
				return false
			}
			owner.Name = name
			return yield(owner, nil)
		}
		for object, err := range s.objects(ctx, "") {
			if err != nil {
				yield(Owner{}, err)
				return
			}
			folder := validFolder.FindString(object.Key)
			if folder == "" {
				continue // nothing of ours
			}
			if folder != at {
				if !tell() {
					return
				}
				at, owner = folder, Owner{}
			}
			owner.add(object)
		}
		tell()
	}
}

func (o *Owner) add(object *blob.ListObject) {
	if object.ModTime.After(o.Newest) {
		o.Newest = object.ModTime
	}
	image := validKey.MatchString(object.Key)
	if !image && !validNote.MatchString(object.Key) {
		return
	}
	if image {
		o.Images++
	}
	if o.Oldest.IsZero() || object.ModTime.Before(o.Oldest) {
		o.Oldest = object.ModTime
	}
}

// DropImage deletes the bytes of an image and leaves its receipts: it has
// arrived where it was to go. No such image is no error.
func (s *Store) DropImage(ctx context.Context, key string) error {
	if !validKey.MatchString(key) {
		return nil
	}
	return s.delete(ctx, key)
}

// DropOlder drops every image and note of an owner that was stored before a
// time, as DropImage and DropNote do, and reports how many images.
func (s *Store) DropOlder(ctx context.Context, owner string, before time.Time) (dropped int, err error) {
	for object, err := range s.objects(ctx, folder(owner)) {
		if err != nil {
			return dropped, err
		}
		image := validKey.MatchString(object.Key)
		if !image && !validNote.MatchString(object.Key) || !object.ModTime.Before(before) {
			continue
		}
		if err := s.delete(ctx, object.Key); err != nil {
			return dropped, err
		}
		if image {
			dropped++
		}
	}
	return dropped, nil
}

// DeleteOwner deletes every image and receipt of an owner. Nothing there is no
// error, so it can be repeated until it succeeds.
func (s *Store) DeleteOwner(ctx context.Context, owner string) error {
	return s.deleteIf(ctx, owner, func(*blob.ListObject) bool { return true })
}

// DeleteOlder is DeleteOwner for what was stored before a time: what comes in
// while it is decided whether an owner is still known stays.
func (s *Store) DeleteOlder(ctx context.Context, owner string, before time.Time) error {
	return s.deleteIf(ctx, owner, func(object *blob.ListObject) bool { return object.ModTime.Before(before) })
}

// deleteIf deletes some of an owner's folder, and the owner's name after and
// only with the rest, so that nothing is left without it halfway.
func (s *Store) deleteIf(ctx context.Context, owner string, goes func(*blob.ListObject) bool) error {
	signed, all := false, true
	for object, err := range s.objects(ctx, folder(owner)) {
		switch {
		case err != nil:
			return err
		case !goes(object):
			all = false
		case strings.HasSuffix(object.Key, "/"+ownerFile):
			signed = true
		default:
			if err := s.delete(ctx, object.Key); err != nil {
				return err
			}
		}
	}
	if signed && all {
		return s.delete(ctx, folder(owner)+ownerFile)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, key string) error {
	if err := translate(s.bucket.Delete(ctx, key)); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

func (s *Store) objects(ctx context.Context, prefix string) iter.Seq2[*blob.ListObject, error] {
	return func(yield func(*blob.ListObject, error) bool) {
		objects := s.bucket.List(&blob.ListOptions{Prefix: prefix})
		for {
			object, err := objects.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(object, translate(err)) || err != nil {
				return
			}
		}
	}
}
