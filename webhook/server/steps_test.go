package server_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/docstore"
	"durablekyc.example/kyc"
	"durablekyc.example/webhook/server"
)

// at is the step that a page shows, or its kind if it shows none.
func at(page string) string {
	found := regexp.MustCompile(`<main [^>]*data-page="(\w+)"(?: data-stage="(\w+)")?`).FindStringSubmatch(page)
	if found[1] != "step" {
		return found[1]
	}
	return found[2]
}

// Each step has an address. Without a script, reloading it, going back to it or
// switching the language there loses nothing.
func TestEachStepCanBeComeBackTo(t *testing.T) {
	v := visit(t, waiting(person))
	require.Equal(t, "document", at(v.enter(v.link("", time.Hour))))
	again := func(step string) string {
		page := ""
		for _, query := range []string{"step=" + step, "lang=es&step=" + step, "lang=en&step=" + step} {
			answer := v.get(v.home + "?" + query)
			require.Equal(t, http.StatusOK, answer.Code, query)
			page = answer.Body.String()
			require.Equal(t, step, at(page))
		}
		return page
	}
	again("document")
	require.Contains(t, v.get(v.home+"?step=review").Header().Get("Location"), "?step=document")
	v.prepares(person, "license")
	require.Contains(t, again("document"), `class="choice chosen" name="type" value="license"`)
	again("front")
	require.Contains(t, v.get(v.home+"?step=back").Header().Get("Location"), "?step=front", "one after the other")
	require.Equal(t, http.StatusSeeOther, v.does(person, "front", side(t, "1", "front")).Code)
	require.Contains(t, again("front"), "We have this photo.")
	require.NotContains(t, again("back"), "We have this photo.")
	require.Equal(t, http.StatusSeeOther, v.does(person, "back", side(t, "1", "back")).Code)
	require.Contains(t, again("document"), `class="choice chosen" name="type" value="license"`)
	require.Equal(t, 2, strings.Count(again("review"), "Photo received"))
	require.Contains(t, v.get(v.home).Header().Get("Location"), "?step=review", "it goes on where it was left")
	require.Equal(t, 2, v.stored())
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
	require.Len(t, v.room.taken, 1)
}

// What one device does, a page that is open on another shows by itself; and it
// sends nothing a second time.
func TestADesktopFollowsThePhone(t *testing.T) {
	room := waiting(person)
	desktop := visit(t, room)
	phone := *desktop
	phone.cookies = map[string]string{}
	shown := desktop.enter(desktop.link("", time.Hour))
	landing := desktop.get(desktop.link("", time.Hour)).Body.String()
	require.Regexp(t, `data-every="[1-5]"`, shown, "within 5 s")
	follows := func(step string) {
		t.Helper()
		answer := desktop.get(desktop.news(shown))
		require.Equal(t, http.StatusOK, answer.Code)
		shown = answer.Body.String()
		require.Equal(t, step, at(shown))
		require.Equal(t, http.StatusNoContent, desktop.get(desktop.news(shown)).Code, "once")
	}
	phone.enter(phone.link("", 2*time.Hour))
	require.Equal(t, http.StatusNoContent, desktop.get(desktop.news(shown)).Code)
	phone.prepares(person, "license")
	follows("front")
	phone.prepares(person, "license", side(t, "1", "front"))
	follows("back")
	require.Equal(t, http.StatusSeeOther, phone.does(person, "back", side(t, "1", "back")).Code)
	follows("review")
	review := desktop.step(person, "review", field{"type", "license"}, field{"consent", "yes"})
	require.Equal(t, http.StatusSeeOther, phone.does(person, "review", field{"consent", "yes"}).Code)
	follows("case")
	require.NotContains(t, shown, "<form")
	require.Equal(t, http.StatusConflict, desktop.send(review...).Code)
	require.Len(t, room.taken, 1)
	require.Equal(t, "message", at(desktop.get(desktop.news(landing)).Body.String()), "nor does the link offer to")
}

// Where the case changes and the draft does not, a page stays at its step.
func TestAPageStaysAtItsStep(t *testing.T) {
	v := visit(t, waiting(business))
	v.enter(v.link("", time.Hour))
	v.prepares(agent, "license", side(t, "1", "front"))
	page := v.get(v.home + "?for=2&step=document").Body.String()
	v.room.reads("pending_step_up", "", kyc.EntitySnapshot{ID: business, IsCustomer: true, Status: "completed",
		Outcome: "approved"}, kyc.EntitySnapshot{ID: agent, Status: "pending_step_up"},
		kyc.EntitySnapshot{ID: other, Status: "completed", Outcome: "approved"})
	answer := v.get(v.news(page))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "document", at(answer.Body.String()))
}

// The photos of a form are of the document that it showed, whatever another tab
// has chosen meanwhile.
func TestAFormIsOfTheDocumentItShowed(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", side(t, "1", "front"))
	back := v.field(v.get(v.home+"?step=back").Body.String(), "type")
	v.prepares(person, "passport")
	answer := v.does(person, "back", field{"type", back}, side(t, "1", "back"))
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Contains(t, answer.Header().Get("Location"), "step=review")
	require.Equal(t, 2, v.stored())
}

// A good photo is kept where only the agreement is missing.
func TestWithoutConsentNothingIsLost(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", license(t, "1")...)
	answer := v.does(person, "review")
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), "We need your agreement")
	require.Empty(t, v.room.taken)
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
	require.Len(t, v.room.taken, 1)
}

// Whatever an open page shows, it learns of the decision by itself, and not which.
func TestAnOpenPageLearnsOfTheDecision(t *testing.T) {
	for status, stage := range map[kyc.Status]kyc.Stage{"waiting_review": kyc.InReview, "of_tomorrow": kyc.Held,
		"data_request": kyc.AwaitingData, "running": kyc.Processing, "pending_step_up": kyc.AwaitingDocuments} {
		t.Run(string(stage), func(t *testing.T) {
			v := visit(t, waiting(person))
			v.room.reads(status, "", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: status})
			require.Equal(t, stage, v.room.kycCase.Stage)
			news := v.news(v.enter(v.link("", time.Hour)))
			require.Equal(t, http.StatusNoContent, v.get(news).Code)
			v.room.reads("completed", "Denied", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "completed",
				Outcome: "denied"})
			answer := v.get(news)
			require.Equal(t, http.StatusOK, answer.Code)
			require.Contains(t, answer.Body.String(), "The check is complete")
			require.NotContains(t, strings.ToLower(answer.Body.String()), "denied")
		})
	}
}

// While ConnectFi decides, the page says when it was asked last and when it is asked next. A poll without news changes
// nothing of the case, and an open page shows it nevertheless.
func TestAReviewSaysWhenConnectFiIsAsked(t *testing.T) {
	v := visit(t, waiting(person))
	v.room.reads("waiting_review", "", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "waiting_review"})
	require.NotContains(t, v.enter(v.link("", time.Hour)), "Last checked", "nothing is known yet")
	v.room.checked, v.room.next = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	page := v.get(v.home).Body.String()
	require.Contains(t, page, "Last checked")
	require.Contains(t, page, v.room.next.UTC().Format(time.RFC3339)[:16])
	require.Equal(t, http.StatusNoContent, v.get(v.news(page)).Code)

	v.room.next = time.Now().Add(-time.Minute)
	page = v.get(v.home).Body.String()
	v.room.checked, v.room.next = time.Now().Add(-time.Minute), time.Now().Add(2*time.Hour)
	answer := v.get(v.news(page))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), v.room.next.UTC().Format(time.RFC3339)[:16])
	require.Equal(t, http.StatusNoContent, v.get(v.news(answer.Body.String())).Code)
}

// Of a business, each person is named by a number and has a way of their own;
// nobody is thanked for what nobody has done.
func TestABusinessGoesPersonByPerson(t *testing.T) {
	v := visit(t, waiting(business))
	page := v.enter(v.link("", time.Hour))
	require.NotContains(t, page, "Thank you")
	require.Contains(t, page, "Documents are needed")
	way := regexp.MustCompile(`Representative (\d) of 2</span> <a class="second" href="([^"]*)"`)
	ways := way.FindAllStringSubmatch(page, -1)
	require.Len(t, ways, 2)
	for i, entity := range []string{agent, other} {
		step := v.follows(ways[i][2]).Body.String()
		require.Equal(t, "document", at(step))
		require.Equal(t, entity, v.field(step, "entity"))
		require.Contains(t, step, "Representative "+ways[i][1]+" of 2")
		way, err := url.Parse(ways[i][2])
		require.NoError(t, err)
		require.NotEmpty(t, way.Query().Get("for"))
	}
	require.Equal(t, http.StatusSeeOther, v.submits(agent, "license", license(t, "1")...).Code)
	page = v.get(v.home).Body.String()
	require.Contains(t, page, "Some documents are still needed")
	require.NotContains(t, page, "Representative 1 of 2</span> <a", "one is done")
	require.Contains(t, page, "Representative 2 of 2</span> <a")
}

// Nobody is offered a document that is not taken for who they are.
func TestOnlyDocumentsThatAreTakenAreOffered(t *testing.T) {
	for customer, want := range map[string][]string{
		person:   {"license", "passport", "identification_card", "residence_permit"},
		business: {"contract", "utility", "bank_statement", "other"},
	} {
		room := waiting(customer)
		room.reads("pending_step_up", "", kyc.EntitySnapshot{ID: customer, IsCustomer: true, Status: "pending_step_up"})
		v := visit(t, room)
		var offered []string
		page := v.enter(v.link("", time.Hour))
		for _, m := range regexp.MustCompile(`name="type" value="(\w+)"`).FindAllStringSubmatch(page, -1) {
			offered = append(offered, m[1])
		}
		require.Equal(t, want, offered)
	}
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	answer := v.does(person, "document", field{"type", "utility"})
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Contains(t, answer.Body.String(), "No document was chosen")
}

// A second request is for the person whose documents were not enough, begins
// with an empty form, and says that it is one.
func TestASecondRequestAsksForWhatWasRefused(t *testing.T) {
	v := visit(t, waiting(business))
	v.enter(v.link("", time.Hour))
	for _, entity := range []string{agent, other} {
		require.Equal(t, http.StatusSeeOther, v.submits(entity, "license", license(t, entity)...).Code)
	}
	for range v.room.kycCase.Queue {
		v.room.reads("pending_step_up", "", kyc.EntitySnapshot{ID: business, IsCustomer: true, Status: "completed",
			Outcome: "approved"}, kyc.EntitySnapshot{ID: agent, Status: "completed", Outcome: "approved"},
			kyc.EntitySnapshot{ID: other, Status: "pending_step_up"})
	}
	page := v.get(v.home).Body.String()
	require.Contains(t, page, "More photos are needed")
	require.Equal(t, 1, strings.Count(page, `<a class="second"`))
	step := v.follows(v.home + "?for=3").Body.String()
	require.Equal(t, "document", at(step))
	require.Contains(t, step, "More is needed.")
	require.NotContains(t, step, "choice chosen")
}

// Where the answer of the case is lost, what it has taken is no draft any more:
// its photos are gone once ConnectFi has them.
func TestADraftOfWhatTheCaseTookIsNone(t *testing.T) {
	v := visit(t, waiting(person))
	v.enter(v.link("", time.Hour))
	v.room.lost = true
	require.Equal(t, http.StatusServiceUnavailable, v.submits(person, "license", license(t, "1")...).Code)
	require.Len(t, v.room.taken, 1)
	v.room.lost = false
	require.Equal(t, http.StatusConflict, v.does(person, "review", field{"type", "license"}, field{"consent", "yes"}).Code)
	require.Equal(t, 2, v.stored(), "the case has them still to send")
	v.room.reads("pending_step_up", "", kyc.EntitySnapshot{ID: person, IsCustomer: true, Status: "pending_step_up"})
	require.Equal(t, "document", at(v.follows(v.home).Body.String()))
}

// A draft is encrypted like a photo, and deleted once it is sent.
func TestADraftIsEncryptedAndDeleted(t *testing.T) {
	v, folder := visit(t, waiting(person)), t.TempDir()
	store, err := docstore.Open(t.Context(), "file://"+folder, keyset(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	v.store = store
	v.testServer = newServer(t, &desk{}, func(c *server.Config) {
		display(c, v.room)
		c.Documents = store
	})
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license", license(t, "1")...)
	notes, err := filepath.Glob(folder + "/*/*.note")
	require.NoError(t, err)
	require.Len(t, notes, 1)
	text, err := os.ReadFile(notes[0])
	require.NoError(t, err)
	require.NotContains(t, string(text), "license")
	require.NotContains(t, notes[0], person)
	require.NotContains(t, v.log.String(), "license")
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
	notes, err = filepath.Glob(folder + "/*/*.note")
	require.NoError(t, err)
	require.Empty(t, notes)
}

// How far applicants come is counted by language and device, and nothing else.
func TestStepsAreCounted(t *testing.T) {
	v := visit(t, waiting(person))
	v.agent["User-Agent"] = "Mozilla/5.0 (Linux; Android 14) Mobile"
	v.agent["Accept-Language"] = "es"
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license")
	require.Equal(t, http.StatusUnprocessableEntity, v.does(person, "front", field{"front", "%PDF-1.7"}).Code)
	v.follows(v.home)
	v.prepares(person, "license", license(t, "1")...)
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
	all := v.metrics(t)
	for _, line := range []string{`kyc_applicant_steps_total{device="phone",language="es",step="opened"} 1`,
		`kyc_applicant_steps_total{device="phone",language="es",step="started"} 1`,
		`kyc_applicant_steps_total{device="phone",language="es",step="sent"} 1`,
		`kyc_applicant_steps_total{device="desktop",language="es",step="sent"} 0`,
		`kyc_applicant_photos_refused_total{device="phone",language="es",reason="pdf"} 1`} {
		require.Contains(t, all, line+"\n")
	}
	// The case has them with the submission, which costs it nothing more.
	sent := v.room.taken[0].Visit
	require.Equal(t, "phone", sent.Device)
	require.Equal(t, "es", sent.Language)
	require.Equal(t, []string{"front pdf"}, sent.Refused)
	require.Less(t, sent.Took, time.Minute)
}

// Of very many photos that were not taken, the case has the first ones.
func TestManyPhotosThatWereNotTaken(t *testing.T) {
	v := visit(t, waiting(person), func(c *server.Config) { c.UploadBurst = 99 })
	v.enter(v.link("", time.Hour))
	v.prepares(person, "license")
	require.Equal(t, http.StatusUnprocessableEntity, v.does(person, "front").Code)
	again := v.step(person, "front", field{"front", "%PDF-1.7"})
	for range kyc.MaxRefused {
		require.Equal(t, http.StatusUnprocessableEntity, v.send(again...).Code)
	}
	v.prepares(person, "license", license(t, "1")...)
	require.Equal(t, http.StatusSeeOther, v.does(person, "review", field{"consent", "yes"}).Code)
	sent := v.room.taken[0].Visit
	require.Len(t, sent.Refused, kyc.MaxRefused)
	require.Equal(t, []string{"front missing", "front pdf"}, sent.Refused[:2])
	require.NoError(t, v.room.taken[0].Validate())
}
