package server_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
)

// tab is a page in one tab of a visitor's browser, and the form on it.
type tab struct {
	page, action string
	form         []field
}

// opens a link in another tab of the same browser, and presses Start.
func (v *visitor) opens(entity string, lasts time.Duration) tab {
	v.t.Helper()
	page := v.enter(v.link(entity, lasts))
	action := regexp.MustCompile(`action="([^"]*)" enctype`).FindStringSubmatch(page)
	require.NotNil(v.t, action, "%s", page)
	return tab{page, action[1], []field{{"csrf", v.field(page, "csrf")}, {"entity", v.field(page, "entity")},
		{"type", "license"}}}
}

// sends the forms of a tab with photos of a seed, to its own address or to
// another, until one is not taken.
func (v *visitor) sends(from tab, seed string, to ...string) int {
	v.t.Helper()
	v.home = append(to, from.action)[0]
	for _, step := range [][]field{{{"step", "document"}}, {{"step", "front"}, side(v.t, seed, "front")},
		{{"step", "back"}, side(v.t, seed, "back")}} {
		if answer := v.send(slices.Concat(from.form, step)...); answer.Code != http.StatusSeeOther {
			return answer.Code
		}
	}
	return v.send(slices.Concat(from.form, []field{{"step", "review"}, {"consent", "yes"}})...).Code
}

func TestTwoLinksInOneBrowserStayApart(t *testing.T) {
	v := visit(t, waiting(business))
	a := v.opens(agent, time.Hour)
	b := v.opens(other, time.Hour)
	require.Equal(t, http.StatusSeeOther, v.sends(a, "a"))
	require.Len(t, v.room.taken, 1)
	require.Equal(t, agent, v.room.taken[0].Entity, "what was on A's page is A's")

	news := regexp.MustCompile(`data-news-url="([^"?]*)`).FindStringSubmatch(v.get(a.action).Body.String())
	require.NotNil(t, news)
	require.NotContains(t, v.get(news[1]+"?rev=0").Body.String(), "<form", "A's page never becomes B's")

	require.Equal(t, http.StatusForbidden, v.sends(a, "a", b.action), "nor can A's form be sent on B's page")
	require.Equal(t, http.StatusForbidden, v.sends(b, "b", "/verify/case"), "where no session is named, none is guessed")
	require.Equal(t, http.StatusForbidden, v.get("/verify/state").Code)
	require.Equal(t, http.StatusForbidden, v.get("/verify/case").Code)
	require.Len(t, v.room.taken, 1)
	require.Equal(t, http.StatusSeeOther, v.sends(b, "b"))
	require.Equal(t, other, v.room.taken[1].Entity)
}

// A cookie's name is whatever its client says; a session is only under the name it was made for.
func TestASessionUnderAnothersNameIsNone(t *testing.T) {
	v := visit(t, waiting(business))
	v.opens(agent, time.Hour)
	mine := v.cookies[v.session()]
	v.opens(other, time.Hour)
	v.cookies[v.session()] = mine
	require.Equal(t, http.StatusForbidden, v.get(v.home).Code)
}

// Mail programs open a new tab at each tap, and a reminder has another link to the same.
func TestTheSameLinkAgainIsTheSameSession(t *testing.T) {
	for _, sender := range []int{0, 1} {
		v := visit(t, waiting(business))
		tabs := []tab{v.opens(agent, time.Hour), v.opens(agent, 2*time.Hour)}
		require.Len(t, v.cookies, 1)
		require.Equal(t, http.StatusSeeOther, v.sends(tabs[sender], "a"), "tab %d", sender+1)
		require.Equal(t, http.StatusConflict, v.sends(tabs[1-sender], "b"), "but once")
		require.Len(t, v.room.taken, 1)
	}
}

func TestAnEarlierEndOfALinkDoesNotEndTheSession(t *testing.T) {
	v := visit(t, waiting(person))
	v.opens("", time.Hour)
	v.opens("", time.Minute)
	ticket, err := v.keys.Redeem(linktoken.Session, v.cookies[v.session()], time.Now())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), ticket.Expires, 10*time.Second)
}

func TestBlockedCookiesAreNamed(t *testing.T) {
	v := visit(t, waiting(person))
	pressed := v.request(http.MethodPost, v.link("", time.Hour), "", nil)
	clear(v.cookies)
	answer := v.get(pressed.Header().Get("Location"))
	require.Equal(t, http.StatusForbidden, answer.Code)
	require.Contains(t, answer.Body.String(), "blocks cookies")

	v.enter(v.link("", time.Hour))
	clear(v.cookies)
	answer = v.get(v.home)
	require.Contains(t, answer.Body.String(), "You were away", "a session that has ended is no blocked cookie")
	require.NotContains(t, answer.Body.String(), "ookies")
}

func TestEveryPageSaysForWhomItIs(t *testing.T) {
	for entity, says := range map[string]string{"": "Reference: A1<", business: "Reference: A1 · The business<",
		agent: "Reference: A1 · Representative 1 of 2<", other: "Reference: A1 · Representative 2 of 2<"} {
		v := visit(t, waiting(business))
		link := v.link(entity, time.Hour)
		require.Contains(t, v.get(link).Body.String(), says)
		v.request(http.MethodPost, link, "", nil)
		require.Contains(t, v.get("/verify/case").Body.String(), says)
		v.room.apply(kyc.WithdrawRequested{At: time.Now()})
		require.Contains(t, v.get("/verify/case").Body.String(), says)
	}
}

// Browsers send all cookies with each request, and proxies take 8 KB of them.
func TestABrowserKeepsSoManySessions(t *testing.T) {
	v := visit(t, waiting(business))
	first := v.opens(agent, time.Minute)
	for lasts := range 30 {
		v.room.kycCase.LinkEpoch = lasts + 1 // of another case, as far as a session knows
		pressed := v.request(http.MethodPost, v.link("", time.Hour), "", nil)
		v.home, _, _ = strings.Cut(pressed.Header().Get("Location"), "?")
	}
	size := 0
	for name, value := range v.cookies {
		size += len(name) + len(value) + len("=; ")
	}
	require.Len(t, v.cookies, 20)
	require.Less(t, size, 6<<10)
	require.Equal(t, http.StatusOK, v.get(v.home).Code)
	require.Equal(t, http.StatusForbidden, v.get(first.action).Code, "the first to end is the first to go")
	require.True(t, strings.HasPrefix(v.session(), "kyc_session_"))
}
