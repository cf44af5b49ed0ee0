package kyc

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Visit is how an applicant came to a submission on the page of this project: no
// address, no browser, and nothing of the photos that were not sent.
type Visit struct {
	Language string        `json:"language"`          // of the page, as a BCP 47 tag
	Device   string        `json:"device"`            // one of Devices
	Took     time.Duration `json:"took"`              // from the first form to the last
	Refused  []string      `json:"refused,omitempty"` // photos that were not taken at once, such as "front blurred"
}

// Devices are the kinds of device that a Visit distinguishes.
var Devices = []string{"phone", "desktop"}

// MaxRefused is how many refused photos a Visit may name.
const MaxRefused = 10

var refusedPattern = regexp.MustCompile(`^(front|back) [a-z_]{1,32}$`)

// validate reports what is wrong with a visit. None is nil.
func (v *Visit) validate() error {
	switch {
	case v == nil:
		return nil
	case !languagePattern.MatchString(v.Language) || !slices.Contains(Devices, v.Device):
		return errors.New("a visit needs the language of the page and the kind of device")
	case v.Took < 0 || len(v.Refused) > MaxRefused:
		return fmt.Errorf("a visit takes time, and names %d refused photos at most", MaxRefused)
	}
	for _, refused := range v.Refused {
		if !refusedPattern.MatchString(refused) {
			return errors.New("a refused photo is its side and the code of the reason")
		}
	}
	return nil
}

// String is the visit in words, such as "phone, en, 3m10s; photos refused: front blurred".
func (v Visit) String() string {
	text := fmt.Sprintf("%s, %s, %s", v.Device, v.Language, v.Took)
	if len(v.Refused) > 0 {
		text += "; photos refused: " + strings.Join(v.Refused, ", ")
	}
	return text
}
