package log

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/store"
)

// latestName is the object with the latest checkpoint. It is a help to find the end of the log; two writers may
// replace it in either order.
const latestName = "log/checkpoint"

// privatePrefix begins a key that signs.
const privatePrefix = "PRIVATE+KEY+"

// NewKey draws the key that signs checkpoints. name is the log's, such as kyc.example.com/records: it is on every
// checkpoint. The second text is the public part, for those who verify.
func NewKey(name string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

// publicPart is the public part of a key that parseKey took. Name is its name.
func publicPart(key, name string) (string, error) {
	if !strings.HasPrefix(key, privatePrefix) {
		return key, nil
	}
	// PRIVATE+KEY+name+hash+key: the base64 of a byte that says Ed25519, and of the seed. Base64 has plus signs, too.
	seed, err := base64.StdEncoding.DecodeString(strings.SplitN(key, "+", 5)[4])
	if err != nil {
		return "", err
	}
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
}

// parseKey reads a key of NewKey's. The error does not repeat it.
func parseKey(key string) (note.Signer, note.Verifier, error) {
	if !strings.HasPrefix(key, privatePrefix) {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return nil, nil, errors.New("not a log's public key (name+hash+key)")
		}
		return nil, verifier, nil
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		return nil, nil, errors.New("not a log's private key (PRIVATE+KEY+name+hash+key)")
	}
	verifier, err := torchwood.NewVerifierFromSigner(key)
	return signer, verifier, err
}

// Policy accepts checkpoints that the key signed for the log of the key's name. Other programs take the same key.
func Policy(public string) (torchwood.Policy, error) {
	_, verifier, err := parseKey(public)
	if err != nil {
		return nil, err
	}
	return policyOf(verifier), nil
}

func policyOf(verifier note.Verifier) torchwood.Policy {
	ofThisLog, signed := torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier)
	return torchwood.ThresholdPolicy(2, ofThisLog, signed)
}

// latest is the latest checkpoint that is known, and how it was signed. The zero tree if there is none.
func (l *Log) latest(ctx context.Context) (tlog.Tree, []byte, error) {
	signed, err := l.store.Read(ctx, latestName)
	if errors.Is(err, store.ErrNotFound) {
		return tlog.Tree{}, nil, nil
	}
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policyOf(l.verifier))
	if err != nil {
		return tlog.Tree{}, nil, fmt.Errorf("the log's checkpoint is not signed with its key: %w", err)
	}
	return checkpoint.Tree, signed, nil
}

// Checkpoint signs what the log has now, if that is more than its latest checkpoint has, and returns the checkpoint.
// ErrChanged if the log does not begin with what the latest one vouches for. A log that is only read returns the
// latest. Nil if the log is empty.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	latest, signed, err := l.latest(ctx)
	if err != nil || l.signer == nil {
		return signed, err
	}
	size, err := l.Size(ctx)
	if err != nil || size == latest.N {
		return signed, err
	}
	if latest.N > 0 {
		before, err := tlog.TreeHash(latest.N, reader{l, ctx, size})
		if err != nil {
			return nil, err
		}
		if before != latest.Hash {
			return nil, ErrChanged
		}
	}
	hash, err := tlog.TreeHash(size, reader{l, ctx, size})
	if err != nil {
		return nil, err
	}
	text := torchwood.Checkpoint{Origin: l.verifier.Name(), Tree: tlog.Tree{N: size, Hash: hash}}.String()
	if signed, err = note.Sign(&note.Note{Text: text}, l.signer); err != nil {
		return nil, fmt.Errorf("cannot sign the checkpoint: %w", err)
	}
	if err := l.keep(ctx, size, signed); err != nil {
		return nil, err
	}
	return signed, l.store.Replace(ctx, latestName, signed)
}

// keep keeps the checkpoint of the first size leaves. ErrChanged if the log has signed another one before.
func (l *Log) keep(ctx context.Context, size int64, signed []byte) error {
	err := l.store.Create(ctx, checkpointName(size), signed)
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	before, err := l.store.Read(ctx, checkpointName(size))
	if err == nil && !bytes.Equal(before, signed) { // a signature of Ed25519 is always the same
		err = ErrChanged
	}
	return err
}

// Prove returns the proof that the log has a leaf at an index: a c2sp.org/tlog-proof with the latest checkpoint, which
// is signed anew if it does not cover the leaf. extra is on the proof, and nothing vouches for it.
func (l *Log) Prove(ctx context.Context, index int64, extra []byte) ([]byte, error) {
	tree, signed, err := l.latest(ctx)
	if err == nil && index >= tree.N {
		if _, err = l.Checkpoint(ctx); err == nil {
			tree, signed, err = l.latest(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	return l.prove(ctx, index, tree, signed, extra)
}

// ProveBy is Prove with the checkpoint of the first size leaves.
func (l *Log) ProveBy(ctx context.Context, index, size int64, extra []byte) ([]byte, error) {
	signed, err := l.CheckpointOf(ctx, size)
	if err != nil {
		return nil, err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policyOf(l.verifier))
	if err != nil {
		return nil, fmt.Errorf("the log's checkpoint of %d leaves is not signed with its key: %w", size, err)
	}
	return l.prove(ctx, index, checkpoint.Tree, signed, extra)
}

func (l *Log) prove(ctx context.Context, index int64, tree tlog.Tree, signed, extra []byte) ([]byte, error) {
	if index >= tree.N {
		return nil, fmt.Errorf("no checkpoint covers leaf %d yet", index)
	}
	proof, err := tlog.ProveRecord(tree.N, index, reader{l, ctx, tree.N})
	if err != nil {
		return nil, err
	}
	return torchwood.FormatProofWithExtraData(index, extra, proof, signed), nil
}
