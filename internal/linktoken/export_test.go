package linktoken

// Authenticate is what all of the package rests on, for the vectors of other people.
var Authenticate = authenticate
