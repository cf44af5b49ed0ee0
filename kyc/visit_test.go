package kyc_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// What a page says of a visit is bounded: nothing but words of this program gets into a case.
func TestWhatAVisitMaySay(t *testing.T) {
	many := slices.Repeat([]string{"front blurred"}, kyc.MaxRefused+1)
	for name, test := range map[string]struct {
		visit kyc.Visit
		says  string
	}{
		"all":            {kyc.Visit{Language: "pt", Device: "desktop", Took: time.Minute, Refused: many[1:]}, ""},
		"no language":    {kyc.Visit{Device: "phone"}, "needs the language"},
		"another device": {kyc.Visit{Language: "en", Device: "Nokia 3310"}, "the kind of device"},
		"too many":       {kyc.Visit{Language: "en", Device: "phone", Refused: many}, "10 refused photos at most"},
		"negative":       {kyc.Visit{Language: "en", Device: "phone", Took: -1}, "takes time"},
		"a sentence": {kyc.Visit{Language: "en", Device: "phone", Refused: []string{"front of Jane Doe"}},
			"its side and the code"},
		"no side": {kyc.Visit{Language: "en", Device: "phone", Refused: []string{"blurred"}}, "its side and the code"},
		"a long code": {kyc.Visit{Language: "en", Device: "phone",
			Refused: []string{"front " + strings.Repeat("x", 33)}}, "its side and the code"},
	} {
		t.Run(name, func(t *testing.T) {
			s := license("s1", person)
			s.Visit = &test.visit
			if err := s.Validate(); test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
			}
		})
	}
}
