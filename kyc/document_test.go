package kyc_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
)

// Images lie with us and are complete, or are at ConnectFi, which says what is
// complete.
func TestSubmissionsOfBothKinds(t *testing.T) {
	here := func(side kyc.Side) kyc.Image { return kyc.Image{Key: "k" + string(side), Side: side, Extension: "png"} }
	there := func(document string, side kyc.Side) kyc.Image { return kyc.Image{Document: document, Side: side} }
	for name, test := range map[string]struct {
		kind   kyc.DocumentType
		images []kyc.Image
		says   string
	}{
		"a license":                   {"license", []kyc.Image{here(kyc.Front), here(kyc.Back)}, ""},
		"half a license":              {"license", []kyc.Image{here(kyc.Front)}, "the back of the license is missing"},
		"half a license at ConnectFi": {"", []kyc.Image{there("doc_1", kyc.Front)}, ""},
		"a license at ConnectFi":      {"", []kyc.Image{there("doc_1", kyc.Front), there("doc_2", kyc.Back)}, ""},
		"two documents at ConnectFi":  {"", []kyc.Image{there("doc_1", kyc.Front), there("doc_2", kyc.Front)}, ""},
		"one document twice": {"", []kyc.Image{there("doc_1", kyc.Front), there("doc_1", kyc.Back)},
			"duplicate document"},
		"a side of no kind":        {"", []kyc.Image{there("doc_1", "left")}, `unknown document side "left"`},
		"a type where it is known": {"license", []kyc.Image{there("doc_1", kyc.Front)}, "must have no type"},
		"some here, some there": {"", []kyc.Image{there("doc_1", kyc.Front), here(kyc.Back)},
			"either in the document store or at ConnectFi"},
		"some there, some here": {"license", []kyc.Image{here(kyc.Front), there("doc_1", kyc.Back)},
			"either in the document store or at ConnectFi"},
		"one in two places": {"", []kyc.Image{{Document: "doc_1", Key: "k", Side: kyc.Front}},
			"either in the document store or at ConnectFi"},
		"nothing":                      {"", nil, "unsupported document type"},
		"nothing of what is said here": {"license", nil, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			err := kyc.Submission{ID: "s1", Entity: "e", Type: test.kind, Images: test.images,
				Consent: kyc.ConsentElsewhere()}.Validate()
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestLinksMayWaitInLine(t *testing.T) {
	c := kyc.New("A1", "cstap_1", kyc.DefaultPolicy(), start)
	c.Apply(kyc.StatusReceived{At: start, Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "pending_step_up",
		Entities: []kyc.EntitySnapshot{{ID: "cstap_1", IsCustomer: true, Status: "pending_step_up"}}}})
	link := func(id string) kyc.Submission {
		return kyc.Submission{ID: id, Entity: "cstap_1", Consent: kyc.ConsentElsewhere(),
			Images: []kyc.Image{{Document: "doc_" + id, Side: kyc.Front}}}
	}
	c.Apply(kyc.Submitted{At: start, Submission: link("1")})
	require.NoError(t, c.CheckSubmission(link("2")), "each is ConnectFi's to judge")
	image := kyc.Submission{ID: "3", Entity: "cstap_1", Type: "passport", Consent: kyc.ConsentElsewhere(),
		Images: []kyc.Image{{Key: "k", Side: kyc.Front, Extension: "jpg"}}}
	require.ErrorIs(t, c.CheckSubmission(image), kyc.ErrDocumentsNotRequested)
	last := c.Timeline[len(c.Timeline)-1]
	require.Equal(t, "document images of cstap_1 were submitted (documents at ConnectFi)", last.String())
}

// The same images are the same submission until ConnectFi has asked again or
// turned something down: whoever then sends them again must not be ignored.
func TestTheSameImagesAgain(t *testing.T) {
	sums := map[kyc.Side][sha256.Size]byte{kyc.Front: {1}, kyc.Back: {2}}
	v := kyc.View{Timeline: []kyc.Entry{{What: kyc.EntryStarted}, {What: kyc.EntryWanted, Entity: "e1"}}}
	first := v.SubmissionID("e1", "license", sums)
	v.Timeline = append(v.Timeline, kyc.Entry{What: kyc.EntrySubmitted, Entity: "e1"}, kyc.Entry{What: kyc.EntryHandedOver,
		Entity: "e1"}, kyc.Entry{What: kyc.EntryWanted, Entity: "e2"})
	require.Equal(t, first, v.SubmissionID("e1", "license", sums), "a repetition, though others were asked meanwhile")
	for _, again := range []string{kyc.EntryWanted, kyc.EntryStillWanted, kyc.EntryRefused} {
		v := kyc.View{Timeline: append(slices.Clone(v.Timeline), kyc.Entry{What: again, Entity: "e1"})}
		require.NotEqual(t, first, v.SubmissionID("e1", "license", sums), again)
	}
	sums[kyc.Back] = [sha256.Size]byte{3}
	require.NotEqual(t, first, v.SubmissionID("e1", "license", sums))
}
