package bundle

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
)

// Format is the format that this package writes, and the newest that it reads.
const Format = 1

// Manifest is what a bundle says about itself. Nothing in it identifies the customer. It may be published: the salt
// keeps its digest, which the log has, from being guessed.
type Manifest struct {
	Format     int      `json:"format"`
	Record     string   `json:"record"`    // REF/run: the reference, and the id of the run that closed the case
	Reference  string   `json:"reference"` // the caller's id of the check
	Release    string   `json:"release"`   // of the program that wrote the record
	Builds     []string `json:"builds"`    // of the workers that ran the case, in the order of their first task
	Runs       []Run    `json:"runs"`      // in the order of histories.pb: first the case's, then its notifier's
	Flags      []string `json:"flags"`     // in alphabetical order; see Flags
	Outcome    Outcome  `json:"outcome"`
	Salt       string   `json:"salt"`       // 32 random bytes in hexadecimal
	Commitment string   `json:"commitment"` // to the data key: see commitment
	Parts      []Part   `json:"parts"`
}

// Run is one run of a workflow whose history is in the bundle.
type Run struct {
	Workflow string `json:"workflow"` // its id
	Run      string `json:"run"`      // its id
	Type     string `json:"type"`
	Events   int    `json:"events"` // so many has its history
	Close    string `json:"close"`  // how it ended, in Temporal's word, such as Completed; empty if it did not
}

// Outcome is how the case ended.
type Outcome struct {
	Stage     string    `json:"stage"`               // where the case stood at its end
	Outcome   string    `json:"outcome"`             // approved, denied or empty
	EndedAt   time.Time `json:"endedAt,omitzero"`    // zero if the case was ended in Temporal
	Fact      int       `json:"fact,omitempty"`      // the number of the fact that decided; 0 if none did
	RequestID string    `json:"requestId,omitempty"` // ConnectFi's id of the answer that decided, where the case has it
}

// Flags that a manifest may have.
const (
	FlagContinued   = "continued"    // the case went on in another run
	FlagReset       = "reset"        // an operator reset it
	FlagRunsMissing = "runs_missing" // Temporal had forgotten the first runs
	FlagNotReplayed = "not_replayed" // the program that wrote the record could not replay the histories: no facts
	FlagUndecided   = "undecided"    // there is no decision of ConnectFi's
)

// Part is one encrypted part.
type Part struct {
	Name      string `json:"name"`
	Size      int    `json:"size"`      // of the encrypted bytes
	Encrypted string `json:"encrypted"` // SHA-256 of them, in hexadecimal
	Plaintext string `json:"plaintext"` // SHA-256 of what they decrypt to
}

// encode returns the canonical form.
func (m Manifest) encode() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// ReadManifest reads a manifest in its canonical form and no other. The error is a *PartError.
func ReadManifest(text []byte) (Manifest, error) { return decodeManifest(text) }

// decodeManifest reads the canonical form and no other.
func decodeManifest(text []byte) (m Manifest, err error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return m, faulty(ManifestName, "not JSON with a format")
	}
	switch {
	case version.Format > Format:
		return m, faulty(ManifestName, "its format %d is newer than this program supports (%d)",
			version.Format, Format)
	case version.Format < 1:
		return m, faulty(ManifestName, "unknown format %d", version.Format)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return m, faulty(ManifestName, "wrong fields for format %d", version.Format)
	}
	again, err := m.encode()
	if err != nil || !bytes.Equal(again, text) {
		return m, faulty(ManifestName, "not in canonical form from byte %d", firstDifference(again, text))
	}
	return m, m.check()
}

// check refuses a manifest that lacks a part, has one twice, or has them in another order.
func (m Manifest) check() error {
	named := m.Reference != "" && strings.HasPrefix(m.Record, m.Reference+"/")
	if !named || !isDigest(m.Salt) || !isDigest(m.Commitment) {
		return faulty(ManifestName, "it lacks its reference, its record, its salt or its commitment")
	}
	fixed := []string{HistoriesName, FactsName, PolicyName}
	before := ""
	for i, p := range m.Parts {
		switch {
		case i < len(fixed) && p.Name != fixed[i], i >= len(fixed) && !strings.HasPrefix(p.Name, ConsentPrefix+"-"):
			return faulty(ManifestName, "unexpected part %q", p.Name)
		case i > len(fixed) && p.Name <= before:
			return faulty(ManifestName, "it lists %q twice or out of order", p.Name)
		case !isDigest(p.Encrypted), !isDigest(p.Plaintext), p.Size < overhead, p.Size > MaxSize:
			return faulty(ManifestName, "it lists %q without its digests or its size", p.Name)
		}
		before = p.Name
	}
	if len(m.Parts) < len(fixed) {
		return faulty(ManifestName, "it does not list %q", fixed[len(m.Parts)])
	}
	return nil
}

func isDigest(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 32 && strings.ToLower(text) == text
}

// firstDifference is the index of the first byte in which two texts differ.
func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// ConsentName is the name of the part with a consent text, by the SHA-256 of the text in hexadecimal.
func ConsentName(sum string) string { return ConsentPrefix + "-" + sum + ".txt" }
