package kyc_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"durablekyc.example/kyc"
)

// machine is a case in a world that does anything at any time, but does one
// thing at a time, as the workflow does. quiet lives through the same without a
// single hint.
type machine struct {
	c, quiet kyc.Case
	now      time.Time
	asked    *kyc.NextStep // what the world is working on
	sent     int
	said     []kyc.Notice // handed on, in order
	known    string       // the application, once it has one
	nameless int          // notices before that
	through  []kyc.Submission
	frozen   string // the case as it ended
	version  int
	told     int // lines of the timeline
}

func (m *machine) apply(e kyc.Event) {
	m.c.Apply(e)
	if _, hint := e.(kyc.ChangeHinted); !hint {
		m.quiet.Apply(e)
	}
}

// ask takes up what the case needs, unless something is under way.
func (m *machine) ask(*rapid.T) {
	if need := m.c.Next(m.now); m.asked == nil && need.Action != kyc.ActionWait && need.Action != kyc.ActionNone {
		m.asked = &need
	}
}

// end is how an errand ends: an answer, a refusal or silence.
func (m *machine) end(t *rapid.T) {
	if m.asked == nil {
		t.Skip("nothing is under way")
	}
	need, submission := *m.asked, ""
	if m.asked = nil; need.Submission != nil {
		submission = need.Submission.ID
	}
	step := map[kyc.Action]string{kyc.ActionIdentify: kyc.StepIdentification,
		kyc.ActionSubmit: kyc.StepDocuments}[need.Action]
	if step == "" {
		step = kyc.StepStatus
	}
	switch rapid.IntRange(0, 9).Draw(t, "fate") {
	case 0:
		m.apply(kyc.RequestRejected{At: m.now, Step: step, Code: "x", Covers: need.UpToHint, Submission: submission})
	case 1:
		m.apply(kyc.RetriesExhausted{At: m.now, Step: step, Covers: need.UpToHint, Submission: submission})
	default:
		r := drawReading(t)
		if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
			r.ApplicationID = "iapp_2" // the activities let none through
		}
		m.apply(kyc.StatusReceived{At: m.now, Reading: r, Covers: need.UpToHint, Submission: submission})
	}
}

func (m *machine) hint(t *rapid.T) {
	by := rapid.SampledFrom([]string{kyc.HintCallback, kyc.HintRefresh}).Draw(t, "by")
	m.apply(kyc.ChangeHinted{At: m.now, By: by, ID: rapid.StringMatching(`[a-e]?`).Draw(t, "id"),
		ApplicationID: rapid.SampledFrom([]string{"", "iapp_1", "iapp_2"}).Draw(t, "application")})
}

func (m *machine) send(*rapid.T) {
	for _, s := range m.through {
		m.apply(kyc.Submitted{At: m.now, Submission: s}) // somebody presses a button again
	}
	for _, e := range m.c.View().Entities {
		if s := license(fmt.Sprintf("s%d", m.sent), e.ID); m.c.CheckSubmission(s) == nil {
			m.apply(kyc.Submitted{At: m.now, Submission: s})
			m.through = append(m.through, s)
			m.sent++
			return
		}
	}
}

// wait lets time pass, and tells the case when its hour has come.
func (m *machine) wait(t *rapid.T) {
	later := m.now.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(t, "minutes")) * time.Minute)
	if need := m.c.Next(m.now); need.At.After(m.now) && rapid.Bool().Draw(t, "to the hour") {
		later = need.At
	}
	m.now = later
	if need := m.c.Next(m.now); m.asked == nil && need.Action == kyc.ActionWait && !need.At.After(m.now) {
		m.apply(kyc.TimerFired{At: m.now})
	} else if rapid.Bool().Draw(t, "for nothing") {
		m.apply(kyc.TimerFired{At: m.now})
	}
}

// carry writes the case down and reads it, as continue-as-new does, and hands on
// some of its notices.
func (m *machine) carry(t *rapid.T) {
	n := rapid.IntRange(0, len(m.c.Notices)).Draw(t, "handed on")
	m.said = append(m.said, m.c.Notices[:n]...)
	m.c.AckNotices(n)
	text, err := json.Marshal(m.c)
	require.NoError(t, err)
	m.c = kyc.Case{}
	require.NoError(t, json.Unmarshal(text, &m.c))
}

func (m *machine) check(t *rapid.T) {
	c, end := &m.c, start.Add(90*day)
	require.Equal(t, bare(m.quiet), bare(*c), "hints change nothing")
	require.True(t, m.quiet.ChangedAt.Equal(c.ChangedAt), "nor how often the status is read")
	require.GreaterOrEqual(t, c.Version, m.version)
	require.GreaterOrEqual(t, len(c.Timeline), m.told)
	m.version, m.told = c.Version, len(c.Timeline)
	if m.known == "" {
		if m.known = c.ApplicationID; m.known == "" {
			m.nameless = len(m.said) + len(c.Notices)
		}
	}
	require.Equal(t, m.known, c.ApplicationID, "one reference, one application")
	all := append(append([]kyc.Notice{}, m.said...), c.Notices...)
	require.Equal(t, noticeIDs(m.quiet.Notices), noticeIDs(all), "hints change no id")
	requireDistinct(t, all)
	for i, n := range all {
		require.Equal(t, c.Stage.Final() && i == len(all)-1, n.Final())
		require.Equal(t, i >= m.nameless, n.Reading.ApplicationID == m.known && m.known != "")
	}
	need := c.Next(m.now)
	require.Equal(t, need, c.Next(m.now), "whoever lost a need gets it again")
	require.Equal(t, need.Action == kyc.ActionSubmit, need.Submission != nil)
	require.LessOrEqual(t, c.Answered, c.HintsReceived)
	for i, s := range c.Queue {
		require.False(t, c.SubmissionDone(s.ID))
		for _, other := range c.Queue[:i] {
			require.NotEqual(t, other.ID, s.ID)
		}
	}
	if !c.Stage.Final() {
		require.True(t, c.EndedAt.IsZero())
		require.NotEqual(t, kyc.ActionNone, need.Action)
		require.False(t, need.At.IsZero(), "whoever waits waits until some hour")
		require.False(t, need.At.After(end))
		require.Equal(t, c.Until(), c.View().Until)
		// its hour came while something was under way
		if later := *c; need.Action == kyc.ActionWait && !need.At.After(m.now) {
			later.Apply(kyc.TimerFired{At: m.now})
			next := later.Next(m.now)
			require.True(t, next.Action != kyc.ActionWait || next.At.After(m.now), "waiting makes progress")
		}
		require.True(t, need.Action != kyc.ActionIdentify || m.known == "", "who has an application is not identified again")
		return
	}
	require.Equal(t, kyc.ActionNone, need.Action)
	require.Empty(t, c.Queue)
	if m.frozen == "" {
		m.frozen = bare(*c)
	}
	require.Equal(t, m.frozen, bare(*c), "an end is the end")
}

// Whatever happens in whichever order, these hold at every step; and past the
// deadline each look is the last one, but for what is on its way to ConnectFi.
func TestACaseWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := kyc.DefaultPolicy()
		policy.ReadFirst = kyc.Duration(rapid.SampledFrom([]time.Duration{time.Minute, 80 * day}).Draw(t, "first read"))
		policy.ReadMax = max(policy.ReadMax, policy.ReadFirst)
		m := &machine{c: kyc.New("A1", person, policy, start), quiet: kyc.New("A1", person, policy, start), now: start}
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "ask": m.ask, "ask again": m.ask, "end": m.end, "hint": m.hint, "send": m.send, "wait": m.wait,
			"carry":  m.carry,
			"revoke": func(*rapid.T) { m.apply(kyc.LinksRevoked{At: m.now}) },
			"withdraw": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					m.apply(kyc.WithdrawRequested{At: m.now})
				}
			},
		})
		if m.now.Before(start.Add(90 * day)) {
			m.now = start.Add(90 * day)
		}
		m.asked = nil
		for steps := len(m.c.Queue) + 2; !m.c.Stage.Final(); steps-- {
			require.Positive(t, steps, "past its deadline a case ends: %+v", m.c)
			if m.ask(t); m.asked == nil {
				m.apply(kyc.TimerFired{At: m.now})
			} else {
				m.end(t)
			}
			m.check(t)
		}
	})
}
