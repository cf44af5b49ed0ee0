// Package connectfi is what ConnectFi says: its wire types, its rules for a
// request, its errors, and a client that makes exactly one attempt a call.
//
// Every fact names how well it is known: S, the identification page states it;
// C, another public ConnectFi page states it; D, derived by arithmetic from
// printed values; A, assumed. Standard library only.
package connectfi
