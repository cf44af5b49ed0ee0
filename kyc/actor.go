package kyc

import (
	"regexp"
	"strings"
)

// Actor names who caused what a line of the timeline reports: applicant, connectfi,
// system, api:NAME or operator:NAME. It is stored in encrypted payloads only.
type Actor string

// The actors without a name of their own.
const (
	ActorApplicant Actor = "applicant" // on the applicant's page
	ActorConnectFi Actor = "connectfi" // by an answer or a callback
	ActorSystem    Actor = "system"    // the case itself: a deadline, a reminder, a retry that gave up

	// ActorTemporal acted in Temporal, with its UI or its command line, and gave no
	// name. The history event has the identity that Temporal saw.
	ActorTemporal Actor = "operator:temporal"
)

const (
	apiPrefix      = "api:"
	operatorPrefix = "operator:"
)

// actorNamePattern is the form of a name: the user name of an operating system, an
// e-mail address, the number of a token or the name of a login.
var actorNamePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._@+-]{0,63}$`)

// Operator is the actor of an operator with this name; false if the name is not 1 to
// 64 letters, digits or . _ @ + -, the first a letter or a digit.
func Operator(name string) (Actor, bool) {
	return Actor(operatorPrefix + name), actorNamePattern.MatchString(name)
}

// APIClient is the actor of a program that calls the API with this token or login.
func APIClient(name string) Actor { return Actor(apiPrefix + name) }

// checked is the actor, or ActorTemporal where what came from outside names none that
// there can be: anybody with the key of the payloads can send an update.
func (a Actor) checked() Actor {
	switch a {
	case ActorApplicant, ActorConnectFi, ActorSystem:
		return a
	}
	for _, prefix := range []string{operatorPrefix, apiPrefix} {
		if name, ok := strings.CutPrefix(string(a), prefix); ok && actorNamePattern.MatchString(name) {
			return a
		}
	}
	return ActorTemporal
}
