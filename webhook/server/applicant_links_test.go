package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/cases"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
)

func TestLinksThatAreGoodForNothing(t *testing.T) {
	decided := waiting(person)
	decided.reads("completed", "Denied", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "completed",
		Outcome: "denied"})
	withdrawn := waiting(person)
	withdrawn.apply(kyc.WithdrawRequested{At: time.Now()})
	expired := waiting(person)
	expired.kycCase.Stage = kyc.Expired
	for name, test := range map[string]struct {
		room   *room
		change func(v *visitor, link string) string
		lasts  time.Duration
		status int
		says   string
	}{
		"decided":      {room: decided, status: http.StatusOK, says: "complete"},
		"withdrawn":    {room: withdrawn, status: http.StatusGone, says: "stopped"},
		"expired case": {room: expired, status: http.StatusGone, says: "time"},
		"expired":      {room: waiting(person), lasts: -time.Hour, status: http.StatusGone, says: "link"},
		"tampered": {room: waiting(person), change: func(_ *visitor, link string) string {
			return link[:len(link)-2] +
				"AA"
		}, status: http.StatusNotFound, says: "link"},
		"forgotten": {room: &room{}, status: http.StatusNotFound, says: "link"},
		"revoked": {room: waiting(person), change: func(v *visitor, link string) string {
			v.room.apply(kyc.LinksRevoked{At: time.Now()})
			return link
		}, status: http.StatusGone, says: "link"},
		"ended in Temporal": {room: &room{broken: &cases.EndedError{State: cases.RunTerminated}}, status: http.StatusGone,
			says: "cancelled"},
		"paused": {room: &room{broken: &cases.PausedError{By: "olga"}}, status: http.StatusServiceUnavailable,
			says: "again"},
		"Temporal away": {room: &room{broken: cases.ErrUnavailable}, status: http.StatusServiceUnavailable, says: "again"},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, test.room)
			if test.lasts == 0 {
				test.lasts = time.Hour
			}
			link := v.link("", test.lasts)
			if test.change != nil {
				link = test.change(v, link)
			}
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				answer := v.request(method, link, "", nil)
				require.Equal(t, test.status, answer.Code)
				require.Contains(t, answer.Body.String(), test.says)
				require.Contains(t, answer.Header().Get("Content-Type"), "text/html")
			}
			require.Empty(t, v.cookies)
		})
	}
}

func TestASessionEnds(t *testing.T) {
	v := visit(t, waiting(person))
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusOK, v.get("/verify/case").Code)
	form := v.step(person, "front", field{"type", "license"})

	name := v.session()
	stolen := v.cookies[name]
	v.cookies[name] = stolen[:len(stolen)-1] + "x"
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	require.Equal(t, http.StatusForbidden, v.get("/verify/state").Code)
	require.Equal(t, http.StatusForbidden, v.send(form...).Code)
	v.cookies[name] = stolen

	delete(v.cookies, name)
	v.enter(v.link("", time.Hour))
	require.Equal(t, http.StatusForbidden, v.send(append(form, side(t, "1", "front"))...).Code,
		"a form of another session")
	require.Zero(t, v.stored())

	v.room.apply(kyc.LinksRevoked{At: time.Now()})
	require.Equal(t, http.StatusGone, v.get("/verify/case").Code)
}

func TestTheCookieIsTheBrowsersAlone(t *testing.T) {
	for url, secure := range map[string]bool{"https://kyc.example": true, "http://127.0.0.1:8080": false} {
		v := visit(t, waiting(person), func(c *server.Config) { c.PublicURL = url })
		answer := v.request(http.MethodPost, v.link("", time.Hour), "", nil)
		cookie := answer.Result().Cookies()[0]
		require.True(t, cookie.HttpOnly)
		require.Equal(t, secure, cookie.Secure)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		require.Equal(t, "/verify", cookie.Path)
		require.InDelta(t, 3600, cookie.MaxAge, 5, "it ends with its link")
	}
}

func TestAnotherSiteSendsNothing(t *testing.T) {
	v := visit(t, waiting(person))
	v.agent["Sec-Fetch-Site"] = "cross-site"
	link := v.link("", time.Hour)
	require.Equal(t, http.StatusOK, v.get(link).Code, "a link in a mail is opened from anywhere")
	require.Equal(t, http.StatusForbidden, v.request(http.MethodPost, link, "", nil).Code)
	delete(v.cookies, "kyc_opened") // says that a link was opened, and lets nobody in
	require.Empty(t, v.cookies)
}
