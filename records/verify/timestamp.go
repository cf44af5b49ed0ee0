package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"

	"durablekyc.example/records/bundle"
	"durablekyc.example/records/timestamp"
)

// isToken checks that a proof which has this extra line belongs to this time-stamp, nil for none. Some of a token is
// outside of its signature, as certificates between the authority's and the root. The digest in the proof is of it all.
func isToken(named, manifest, token []byte) error {
	if bytes.Equal(named, bundle.ProofExtra(manifest, token)) {
		return nil
	}
	const both = 2 * sha256.Size
	isWhole := len(named) == sha256.Size
	if len(named) == both+sha256.Size {
		check := sha256.Sum256(named[:both])
		isWhole = bytes.Equal(named[both:], check[:])
	}
	switch {
	case !isWhole:
		return proofFault("its extra line is damaged")
	case token == nil:
		return timestampFault("it is missing: the proof has its digest")
	case len(named) == sha256.Size:
		return timestampFault("the proof belongs to evidence without a time-stamp")
	}
	return timestampFault("it does not match its digest in the proof")
}

// stamped checks a time-stamp of the checkpoint in a proof.
func stamped(proof, token []byte, roots *x509.CertPool) (*timestamp.Stamp, error) {
	_, checkpoint, _ := bytes.Cut(proof, []byte("\n\n")) // canonical has seen to it
	stamp, err := timestamp.Check(token, checkpoint, roots)
	if err != nil {
		return nil, timestampFault(err.Error())
	}
	return &stamp, nil
}

func timestampFault(reason string) error {
	return &bundle.PartError{Part: bundle.TimestampName, Reason: reason}
}
