package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/activities"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

// promised is when docs/notifications.md says that a delivery is tried again, of which a
// tenth may be missing or too much.
var promised = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// receiver is one kind of receiver. It does what it says, and that is what the
// notifier must have understood.
type receiver struct {
	says       func(n int, at time.Duration) string // to the nth attempt for an event, at a time after the begin
	retryAfter string
	asks       time.Duration // what Retry-After is worth
	timeout    time.Duration // the sender's; zero is its own 15 seconds
	forbidden  bool          // no private address is allowed, as loopback is
	down       time.Duration // nobody listens until then
}

// words are said to the attempts for every event, the last one for ever.
func words(all ...string) func(int, time.Duration) string {
	return func(n int, _ time.Duration) string { return all[min(n, len(all))-1] }
}

// turns says another word from then on.
func turns(before string, then time.Duration, after string) func(int, time.Duration) string {
	return func(_ int, at time.Duration) string {
		if at < then {
			return before
		}
		return after
	}
}

func TestEveryKindOfReceiverIsTreatedAsDocumented(t *testing.T) {
	for name, r := range map[string]receiver{
		"takes everything":            {says: words("200")},
		"is broken, then takes":       {says: words("500", "500", "500", "500", "200")},
		"fails for ever":              {says: words("500")},
		"breaks off":                  {says: words("unreachable", "unreachable", "200")},
		"hangs":                       {says: words("noAnswer", "noAnswer", "200"), timeout: 500 * time.Millisecond},
		"redirects":                   {says: words("301", "302", "307", "308", "200")},
		"redirects for ever":          {says: words("302")},
		"is gone":                     {says: words("410")},
		"is gone once it is up":       {says: words("503", "503", "410")},
		"takes one and is gone":       {says: turns("200", 90*time.Second, "410")},
		"asks for ten minutes":        {says: words("429", "429", "429", "200"), retryAfter: "600", asks: 10 * time.Minute},
		"asks for an hour, being off": {says: words("503", "503", "200"), retryAfter: "3600", asks: time.Hour},
		"asks for a second":           {says: words("429"), retryAfter: "1"},
		"asks for a year":             {says: words("429", "429", "200"), retryAfter: "31536000", asks: day},
		"asks and may not":            {says: words("500", "500", "200"), retryAfter: "3600"},
		"is private":                  {says: words("forbiddenAddress"), forbidden: true},
		"is down for two days":        {says: turns("unreachable", 2*day, "200"), down: 2 * day},
		"is down for eight":           {says: turns("unreachable", 8*day, "200"), down: 8 * day},
	} {
		well := receiver{says: words("200")}
		if r.forbidden {
			well = r // it is at a private address, too
		}
		for who, other := range map[activities.Receiver]activities.Receiver{
			activities.ReceiverGlobal: activities.ReceiverCaller, activities.ReceiverCaller: activities.ReceiverGlobal} {
			t.Run(name+", "+string(who), func(t *testing.T) {
				t.Parallel()
				deliver(t, r.timeout, map[activities.Receiver]receiver{who: r, other: well})
			})
		}
	}
}

// deliver sends the three events of a case, which come one a minute, to two
// receivers, and checks what was tried, what arrived and what was entered.
func deliver(t *testing.T, timeout time.Duration, receivers map[activities.Receiver]receiver) {
	s, secret := newStreet(t), delivery.NewSecret()
	secrets, err := delivery.ParseSecrets(secret)
	require.NoError(t, err)
	sender, err := delivery.New(delivery.Config{Secrets: secrets,
		AllowPrivate: !receivers[activities.ReceiverCaller].forbidden, Timeout: timeout})
	require.NoError(t, err)
	url := map[activities.Receiver]string{}
	for who, r := range receivers {
		url[who] = s.open(who, r, secret)
	}
	s.RegisterActivity(activities.New(activities.Config{Hooks: sender, NotifyURL: url[activities.ReceiverGlobal],
		ApplicantURL: func(string, int, time.Time) string { return "https://kyc.example.com/verify/link/x" }}))
	notices, ledger := lived("waiting_review", "pending_step_up", "completed"), both()
	ledger.WebhookURL = url[activities.ReceiverCaller]
	end := s.run(ledger, notices...)

	s.mu.Lock()
	defer s.mu.Unlock()
	require.True(t, end.Ended)
	require.Zero(t, s.astray, "a signed message goes where it was meant to go, or nowhere")
	for who, r := range receivers {
		s.check(end, who, r, notices)
		var arrived []try
		for _, made := range s.tried[who] {
			if !r.forbidden && made.at >= r.down {
				arrived = append(arrived, try{at: made.at, id: made.id, word: made.word})
			}
		}
		require.Equal(t, arrived, s.heard[who])
		require.Equal(t, len(arrived) > 0, s.dialled[who], "who is not to be called is not even dialled")
	}
}

// check goes through all that was tried at one receiver, in the order in which
// docs/notifications.md says that it must have happened.
func (s *street) check(end workflows.NotifierState, who activities.Receiver, r receiver, notices []kyc.Notice) {
	s.t.Helper()
	free, gone, ended, count := time.Duration(0), false, time.Duration(-1), 0
	for i, notice := range notices {
		var left []try
		for _, made := range s.tried[who] {
			if made.id == notice.ID {
				left = append(left, made)
			}
		}
		came := time.Duration(i+1) * time.Minute
		earliest := max(came, free) // at once, or at once after the one before it
		if last := i == len(notices)-1; last {
			earliest = min(earliest, came+time.Minute) // which it waits a minute for
			gone = gone && free <= earliest
		}
		latest := earliest
		want := workflows.Delivery{Receiver: who, Answer: activities.AnswerGone}
		for over := gone; !over; {
			if ended >= 0 && earliest > ended { // the receiver wanted nothing more, said to the event that this one overtook
				want, free = workflows.Delivery{Receiver: who, Answer: activities.AnswerGone}, ended
				break
			}
			want.Attempts++
			require.NotEmpty(s.t, left, "attempt %d for %s was not made", want.Attempts, notice.ID)
			made := left[0]
			want.Answer, free, left, count = made.word, made.at, left[1:], count+1
			require.Equal(s.t, try{made.at, notice.ID, want.Attempts, r.says(want.Attempts, made.at)}, made)
			require.GreaterOrEqual(s.t, made.at, earliest, "%v", made)
			require.LessOrEqual(s.t, made.at, latest, "%v", made)
			if gone = made.word == activities.AnswerGone; gone {
				ended = made.at
			}
			if over = gone || made.word == "200" || want.Attempts == 10; !over {
				wait := promised[want.Attempts-1]
				earliest, latest = made.at+max(wait-wait/10, r.asks), made.at+max(wait+wait/10, r.asks)
			}
		}
		if want.Answer == "200" {
			want.DeliveredAt = begin.Add(free)
		} else {
			want.GivenUpAt = begin.Add(max(free, came))
		}
		require.Equal(s.t, want, receipt(end, notice.ID, who))
	}
	require.Len(s.t, s.tried[who], count, "nothing more is sent")
}
