package page

// The codes the models speak in. Each has its sentences in every language; a
// code that is not listed gets the sentences of "unknown" of its group, because
// the applicant can do nothing about it and must not meet a blank page.
var (
	// Statuses say where the whole check stands.
	Statuses = []string{
		"working",      // the checking service works, nothing is wanted yet
		"wanted",       // documents are wanted
		"partly",       // some people are done, others are not
		"yours_done",   // the one who looks is done, somebody else is not
		"sending",      // photos are on their way
		"still_wanted", // documents are wanted again
		"review",       // people look at it
		"data",         // whoever asked has to add something
		"held",         // somebody of ours has to look
		"finished",     // decided; which way is not told here
	}
	// Steps are the screens of sending a document.
	Steps = []string{"document", "front", "back", "review"}
	// States say where one person stands.
	States = []string{"wanted", "sending", "still_wanted", "review", "done", "waiting"}
	// Kinds say who a person of the check is.
	Kinds = []string{"you", "business", "representative"}
	// Sides are the images of a document. Of a type with one side, it is the front.
	Sides = []string{"front", "back"}
	// Types are the documents with a name of their own.
	Types = []string{"license", "passport", "identification_card", "residence_permit", "utility", "contract", "other",
		"internal", "canada_provincial_id", "indigenous_card", "paystub", "bank_statement", "w2", "1099", "1120", "1065",
		"t1", "t4"}
	// Refusals say why an image is not taken.
	Refusals = []string{"empty", "too_large", "pdf", "heic", "other_kind", "not_image", "broken", "too_small",
		"too_many_pixels", "two_files", "same_twice", "missing", "changed"}
	// Warnings say what looks wrong with an image; the applicant may overrule them.
	Warnings = []string{"blurred", "dark"}
	// Problems concern a whole form.
	Problems = []string{"consent_missing", "type_unknown", "not_wanted", "already_sending"}
	// Messages are whole pages.
	Messages = []string{"link_expired", "link_unknown", "link_revoked", "withdrawn", "expired_case", "finished",
		"session_over", "cookies_blocked", "which_check", "form_stale", "other_site", "too_large", "too_fast", "unavailable",
		"not_found", "elsewhere"}
)

// clientSideChecks are the refusals that the script can find before anything is sent.
var clientSideChecks = []string{"empty", "too_large", "pdf", "heic", "other_kind", "not_image", "broken", "too_small",
	"too_many_pixels", "changed"}

// redrawn are the refusals of a file, and not of what it shows: where a browser
// can show it, the script draws it anew and sends that.
var redrawn = []string{"too_large", "heic", "other_kind", "not_image", "broken", "too_many_pixels", "two_files"}

// unknown is the member of every group for a code that is not in it.
const unknown = "unknown"

// groups maps each group of codes in the catalogue to what is said of a code.
var groups = map[string]struct{ codes, parts []string }{
	"status":  {Statuses, []string{"title", "text", "next"}},
	"state":   {States, []string{"label"}},
	"person":  {[]string{"you", "business"}, []string{"title"}}, // a representative has a number
	"side":    {Sides, []string{"label"}},
	"type":    {Types, []string{"label"}},
	"refusal": {Refusals, []string{"why", "next"}},
	"warning": {Warnings, []string{"why", "next"}},
	"problem": {Problems, []string{"why", "next"}},
	"message": {Messages, []string{"title", "text", "next"}},
}
