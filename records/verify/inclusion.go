package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/records/bundle"
)

// included checks that the log has the manifest. A proof also has digests of the manifest and of the time-stamp, nil if
// there is none, which nothing signs: where they do not fit together, they tell which of them was changed.
func included(policy torchwood.Policy, manifest, proof, token []byte) error {
	if proof == nil {
		return &bundle.PartError{Part: bundle.ProofName,
			Reason: "no proof that the log has this record: evidence has one, a bundle from the bucket does not"}
	}
	named, _ := torchwood.ProofExtraData(proof)
	sum := sha256.Sum256(manifest)
	isNamed := bytes.HasPrefix(named, sum[:])
	err := torchwood.VerifyProof(policy, tlog.RecordHash(manifest), proof)
	if err == nil {
		err = canonical(proof)
	}
	_, isUnsigned := errors.AsType[*note.UnverifiedNoteError](err)
	_, isNotIncluded := errors.AsType[*torchwood.VerifyRecordError](err)
	switch {
	case err == nil && isNamed:
		return isToken(named, manifest, token)
	case err == nil:
		return proofFault("it has the digest of a different manifest")
	case isUnsigned:
		return proofFault("its checkpoint is not signed with the log's key: it is from another log or was altered")
	case isNotIncluded && !isNamed:
		return &bundle.PartError{Part: bundle.ManifestName, Reason: "it does not match the leaf in the log"}
	}
	return proofFault("it does not prove that the log has the manifest")
}

func proofFault(reason string) error {
	return &bundle.PartError{Part: bundle.ProofName, Reason: reason}
}

var errSpelling = errors.New("the proof is not in canonical form")

// canonical refuses a proof that says the same in other bytes: base64 has several spellings of one value, and lines
// that nothing signs could be added.
func canonical(proof []byte) error {
	head, checkpoint, found := strings.Cut(string(proof), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 {
		return errSpelling
	}
	extra, named := strings.CutPrefix(lines[1], "extra ")
	index, numbered := strings.CutPrefix(lines[2], "index ")
	n, err := strconv.ParseInt(index, 10, 64)
	if !named || !numbered || err != nil || strconv.FormatInt(n, 10) != index || !strict(extra) {
		return errSpelling
	}
	for _, hash := range lines[3:] {
		if !strict(hash) {
			return errSpelling
		}
	}
	_, last, found := strings.Cut(checkpoint, "\n\n")
	words := strings.Fields(last) // a dash, the log's name and one signature: nothing here is secret
	if !found || len(words) != 3 || !strict(words[2]) || last != fmt.Sprintf("— %s %s\n", words[1], words[2]) {
		return errSpelling
	}
	return nil
}

func strict(text string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && !strings.ContainsAny(text, "\r\n")
}
