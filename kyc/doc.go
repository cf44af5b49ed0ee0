// Package kyc is what a case is: one identity check of a person or a business,
// from the request to a decision.
//
// A Case is a value that can be stepped. Apply feeds it an event — a status
// read, documents, a reminder's hour, a withdrawal — and Next says what it
// needs from the world until the next event. There is no clock, no I/O and no
// Temporal in here: time is an argument, so a whole year of a case runs in a
// test in microseconds, and replaying the same events always ends in the same
// case.
package kyc
