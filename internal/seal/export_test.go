package seal

import "github.com/tink-crypto/tink-go/v2/tink"

// What all of the package rests on, for the vectors of other people.
var Authenticate = authenticate

// AEAD is what payloads and data keys are encrypted with.
func (k Keyset) AEAD() tink.AEAD { return k.opened.aead }
