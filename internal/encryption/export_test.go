package encryption

import "github.com/tink-crypto/tink-go/v2/tink"

// AEAD is what payloads and data keys are encrypted with, for the vectors of other people.
func (k Keyset) AEAD() tink.AEAD { return k.opened.aead }
