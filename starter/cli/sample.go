package cli

import (
	"bytes"
	"fmt"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// sampleLicense is both sides of a card that nobody takes for a license, judged
// like any applicant's.
func sampleLicense(seed string) ([]picture, error) {
	var pictures []picture
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		drawn, err := imagecheck.Specimen(seed, string(side))
		if err != nil {
			return nil, fmt.Errorf("cannot draw the sample license: %w", err)
		}
		judged, err := imagecheck.Check(bytes.NewReader(drawn), imagecheck.DefaultLimits())
		if err != nil {
			return nil, fmt.Errorf("invalid sample license: %w", err)
		}
		pictures = append(pictures, picture{side, judged})
	}
	return pictures, nil
}
