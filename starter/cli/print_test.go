package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

const (
	company = "cstab_7BX5DO49J48VeWKsJ6gWNb"
	rep     = "cstab_7BX5DPJcbmipymiokecA6d"
)

var started = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// paper is a printer whose clock stands an hour after the start.
func paper(out *bytes.Buffer) printer {
	return printer{stdout: out, stderr: out, zone: time.UTC, clock: func() time.Time { return started.Add(time.Hour) }}
}

// business is a case as ConnectFi's page prints it (S): the representative
// owes documents, the business itself is through.
func business(status kyc.Status) kyc.View {
	c := kyc.New("B1", company, kyc.DefaultPolicy(), started)
	c.Apply(kyc.StatusReceived{At: started.Add(time.Second), Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: status,
		Entities: []kyc.EntitySnapshot{{ID: rep, Status: status}, {ID: company, IsCustomer: true, Status: "completed",
			Outcome: "approved"}}}})
	return c.View()
}

func TestACaseReadsLikeAFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, paper(&out).view(business("pending_step_up")))
	require.Equal(t, `B1 · business cstab_7BX5DO49J48VeWKsJ6gWNb

  Awaiting documents from the applicant
  application iapp_1
  waits for the applicant until 2026-03-31 09:00:01 (in 30 days)
  then the status is read once more; the case expires if nothing was decided

  cstab_7BX5DO49J48VeWKsJ6gWNb  customer        completed, approved
  cstab_7BX5DPJcbmipymiokecA6d  representative  pending_step_up      missing: an identity document: front and back of a driver's license, or a passport

  2026-03-01 09:00:00  the case was started
  2026-03-01 09:00:01  ConnectFi opened the application
  2026-03-01 09:00:01  the case waits for documents
  2026-03-01 09:00:01  ConnectFi asks for document images of cstab_7BX5DPJcbmipymiokecA6d
  2026-03-01 09:00:01  ConnectFi completed cstab_7BX5DO49J48VeWKsJ6gWNb: approved

next: starter link B1, or starter upload B1 --front FILE --back FILE
`, out.String())
}

func TestWhatCameFromElsewhereCannotMoveTheTerminal(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, paper(&out).view(business("evil\x1b[2J\nstatus")))
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), "evil??2J?status")
	require.Contains(t, out.String(), "next: starter watch B1")
}

func TestColourOnlyOnATerminalThatWantsIt(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a device, as a terminal is
	require.NoError(t, err)
	defer null.Close()
	env := func(vars map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	}
	require.True(t, newPrinter(null, nil, env(nil), false).live)
	require.False(t, newPrinter(null, nil, env(map[string]string{"NO_COLOR": "1"}), false).live)
	require.False(t, newPrinter(null, nil, env(map[string]string{"TERM": "dumb"}), false).live)
	require.False(t, newPrinter(null, nil, env(nil), true).live, "--json")
	require.False(t, newPrinter(&bytes.Buffer{}, nil, env(nil), false).live)

	var out bytes.Buffer
	p := paper(&out)
	p.live = true
	p.coloured(kyc.Approved, "Approved")
	p.footer("line\n")
	require.Equal(t, "\x1b[1;32mApproved\x1b[0m\n\r\x1b[Kline?", out.String())
	out.Reset()
	p.footer(strings.Repeat("ä", 100))
	require.Equal(t, "\r\x1b[K"+strings.Repeat("ä", 77)+"…", out.String())
}

func TestFollowTellsAHintAgainWhenItIsRepeated(t *testing.T) {
	c := kyc.New("A1", company, kyc.DefaultPolicy(), started)
	c.Apply(kyc.ChangeHinted{At: started, By: kyc.HintCallback})
	var out bytes.Buffer
	var s watchPrinter
	require.NoError(t, paper(&out).follow(c.View(), &s))
	out.Reset()
	c.Apply(kyc.ChangeHinted{At: started, By: kyc.HintCallback})
	require.NoError(t, paper(&out).follow(c.View(), &s))
	require.Equal(t, "  2026-03-01 09:00:00  ConnectFi sent a callback (2 times)\n", out.String())
	require.NoError(t, paper(&out).follow(c.View(), &s))
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "nothing new is nothing told")
}

func TestReplaysTellHowFarTheyAre(t *testing.T) {
	var out bytes.Buffer
	p := paper(&out)
	now := started
	p.clock = func() time.Time { return now }
	g := &replayRun{out: p, told: now}
	for range 25 {
		now = now.Add(time.Second)
		g.report.Histories++
		g.progress()
	}
	require.Equal(t, "starter: 10 histories read, 0 replay\nstarter: 20 histories read, 0 replay\n", out.String())
	out.Reset()
	g.out.live = true
	g.progress()
	require.Equal(t, "\r\x1b[K25 histories read, 0 replay", out.String())
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 90 * time.Second: "90 s", 5*time.Minute + time.Second: "5 min",
		26*time.Hour + 3*time.Minute: "26 h 3 min", 30*24*time.Hour - time.Second: "30 days",
	} {
		require.Equal(t, want, formatDuration(d))
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"aproved": "approved", "HELD": "held", "deneid": "denied", "xyz": "", "": "",
		"in-review": "in_review", "approved": ""} {
		require.Equal(t, want, nearest(word, []string{"approved", "held", "denied", "in_review"}), word)
	}
}

func TestWhoseDocuments(t *testing.T) {
	waiting := business("pending_step_up")
	both := business("pending_step_up")
	both.Entities[0].Status = "pending_documents"
	sending := business("pending_step_up")
	sending.Entities[1].Sending = true
	alone := business("waiting_review")
	alone.Entities = alone.Entities[:1]
	tests := []struct {
		name, entity string
		view         kyc.View
		want, says   string
	}{
		{"the only one that wants some", "", waiting, rep, ""},
		{"the one named", company, waiting, company, ""},
		{"nearly named", rep[:len(rep)-1] + "e", waiting, "", "did you mean " + rep},
		{"two want some", "", both, "", "use --entity with one of " + company + ", " + rep},
		{"its images are under way", "", sending, "", "B1 is not waiting for documents now (stage awaiting_documents)"},
		{"nobody wants some", "", business("waiting_review"), "", "(stage in_review)"},
		{"there is but one, the case will say", "", alone, company, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := uploadCommand{reference: reference{"B1"}, Entity: test.entity}
			who, err := c.resolveEntity(test.view)
			require.Equal(t, test.want, who)
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
			}
		})
	}
}

func TestTheSameImagesAreTheSameSubmission(t *testing.T) {
	first, err := sampleLicense("x")
	require.NoError(t, err)
	again, err := sampleLicense("x")
	require.NoError(t, err)
	other, err := sampleLicense("y")
	require.NoError(t, err)
	id := func(entity string, document kyc.DocumentType, pictures []picture) string {
		s := submission(kyc.View{}, entity, document, pictures)
		require.NoError(t, s.Validate())
		return s.ID
	}
	one := id(rep, "license", first)
	require.Equal(t, one, id(rep, "license", again))
	for _, p := range first {
		require.Empty(t, p.Warnings, "the demo's %s", p.side)
	}
	require.False(t, first[0].Print.Similar(first[1].Print), "the demo's sides differ")
	require.NotEqual(t, one, id(rep, "license", other))
	require.NotEqual(t, one, id(company, "license", first))
	require.NotEqual(t, id(rep, "passport", first[:1]), id(rep, "paystub", first[:1]))
	swapped := []picture{{kyc.Front, first[1].Picture}, {kyc.Back, first[0].Picture}}
	require.NotEqual(t, one, id(rep, "license", swapped))
}

// ConnectFi's API changes e-mail, addresses and phones only (C): whoever waits for data must read what is left to
// PayGears.
func TestAwaitedDataSaysWhoCanChangeIt(t *testing.T) {
	c := kyc.New("A1", "cstap_6reGTr3k8vpAu8uFV7EdiN", kyc.DefaultPolicy(), started)
	c.Apply(kyc.StatusReceived{At: started, Reading: kyc.Snapshot{ApplicationID: "iapp_1", Status: "data_request",
		Entities: []kyc.EntitySnapshot{{ID: "cstap_6reGTr3k8vpAu8uFV7EdiN", IsCustomer: true, Status: "data_request"}}}})
	v := c.View()
	require.Equal(t, kyc.AwaitingData, v.Stage)
	for _, says := range []string{nextCommand(v), v.Entities[0].Missing[0], workflows.Details(v)} {
		require.Contains(t, says, "/customer/update")
		require.Contains(t, says, "PayGears")
		require.Contains(t, says, "e-mail, addresses")
	}
	require.Contains(t, nextCommand(v), "then starter refresh A1")
	require.NotContains(t, who(v.WaitingOn)+v.Headline(), "complete the customer", "which the API cannot")
}
