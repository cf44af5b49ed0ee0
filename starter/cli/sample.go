package cli

import (
	"bytes"
	"fmt"

	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/kyc"
)

// sampleLicence is both sides of a card that nobody takes for a licence, judged
// like any applicant's.
func sampleLicence(seed string) ([]picture, error) {
	var pictures []picture
	for _, side := range []kyc.Side{kyc.Front, kyc.Back} {
		drawn, err := imagecheck.Specimen(seed, string(side))
		if err != nil {
			return nil, fmt.Errorf("cannot draw the sample licence: %w", err)
		}
		judged, err := imagecheck.Check(bytes.NewReader(drawn), imagecheck.DefaultLimits())
		if err != nil {
			return nil, fmt.Errorf("invalid sample licence: %w", err)
		}
		pictures = append(pictures, picture{side, judged})
	}
	return pictures, nil
}
