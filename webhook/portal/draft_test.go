package portal

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/edge"
	"durablekyc.example/webhook/page"
)

// By the end of the day that the page names, the case is still open wherever the
// applicant lives; where there is no such day any more, it names the time left.
func TestADeadlineIsADayThatIsWholeEverywhere(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return when
	}
	for name, test := range map[string]struct {
		until, now string
		want       page.Deadline
	}{
		"the middle of the day in UTC": {"2026-12-28T11:26:00Z", "2026-12-01T00:00:00Z",
			page.Deadline{Day: at("2026-12-27T00:00:00Z")}},
		"midnight in American Samoa": {"2026-12-28T11:00:00Z", "2026-12-01T00:00:00Z",
			page.Deadline{Day: at("2026-12-27T00:00:00Z")}},
		"a second before it": {"2026-12-28T10:59:59Z", "2026-12-01T00:00:00Z",
			page.Deadline{Day: at("2026-12-26T00:00:00Z")}},
		"the day is not over anywhere": {"2026-12-28T11:26:00Z", "2026-12-27T09:59:59Z",
			page.Deadline{Day: at("2026-12-27T00:00:00Z")}},
		"it is over in Kiribati": {"2026-12-28T11:26:00Z", "2026-12-27T10:00:00Z",
			page.Deadline{Left: 25*time.Hour + 26*time.Minute}},
		"it is past": {"2026-12-28T11:26:00Z", "2026-12-29T10:00:00Z", page.Deadline{Left: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, deadline(at(test.until), at(test.now)))
			if day := test.want.Day; !day.IsZero() { // it ends, at the latest, 11 hours after UTC's
				require.False(t, day.AddDate(0, 0, 1).Add(11*time.Hour).After(at(test.until)))
			}
		})
	}
	require.Zero(t, deadline(time.Time{}, time.Now()))
}

// drafts is a portal that has a store and nothing else.
func drafts(t *testing.T) *Portal {
	text, err := encryption.NewKeyset()
	require.NoError(t, err)
	keyset, err := encryption.ParseKeyset(text)
	require.NoError(t, err)
	store, err := docstore.Open(t.Context(), "mem://", keyset)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &Portal{config: Config{Documents: store}, edge: &edge.Edge{Logger: slog.New(slog.DiscardHandler)}}
}

// A photo of a draft is good for a day: after two, the worker has deleted it.
func TestAPhotoOfADraftIsGoodForADay(t *testing.T) {
	p := drafts(t)
	young, old := time.Now().Add(time.Minute-draftLasts), time.Now().Add(-time.Minute-draftLasts)
	d := draft{Type: "license", Kept: map[kyc.Side]storedImage{"front": {Type: "license", At: old},
		"back": {Type: "license", At: young}}}
	require.NoError(t, p.saveDraft(t.Context(), "A1", "e1", d))
	d, err := p.loadDraft(t.Context(), kyc.View{Reference: "A1"}, "e1")
	require.NoError(t, err)
	require.Equal(t, stepFront, d.next(), "the front is asked for again")
	_, there := d.kept("back")
	require.True(t, there)
}

func TestWhatADraftIsOf(t *testing.T) {
	p := drafts(t)
	require.NoError(t, p.saveDraft(t.Context(), "A1", "e1", draft{Type: "license"}))
	for _, test := range []struct {
		name   string
		view   kyc.View
		entity string
		want   kyc.DocumentType
	}{
		{"its own", kyc.View{Reference: "A1"}, "e1", "license"},
		{"another case", kyc.View{Reference: "A2"}, "e1", ""},
		{"another entity", kyc.View{Reference: "A1"}, "e2", ""},
		{"another request", kyc.View{Reference: "A1", Timeline: []kyc.Entry{{What: kyc.EntrySubmitted, Entity: "e1"}}},
			"e1", ""},
		{"it is deleted then", kyc.View{Reference: "A1"}, "e1", ""},
	} {
		d, err := p.loadDraft(t.Context(), test.view, test.entity)
		require.NoError(t, err)
		require.Equal(t, test.want, d.Type, test.name)
	}
}

// A mark differs when a draft does, and is the same for the same one.
func TestAMarkNamesTheStateOfADraft(t *testing.T) {
	image := storedImage{Key: "a", Type: "license", At: time.Unix(1, 0)}
	all := map[string]bool{}
	for _, d := range []draft{{}, {Type: "passport"}, {Type: "license"},
		{Type: "license", Kept: map[kyc.Side]storedImage{"front": image}},
		{Type: "license", Kept: map[kyc.Side]storedImage{"back": image}}} {
		mark := d.mark()
		require.Equal(t, mark, d.mark(), "the same again")
		require.Equal(t, byte('.'), mark[0])
		all[mark] = true
	}
	require.Len(t, all, 5)
	require.Equal(t, draft{}.mark(), draft{Sent: 2}.mark(), "of nothing, whatever was sent before")
}
