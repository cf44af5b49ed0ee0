package simulator

// LedgerEntry says what the simulator did under one reference. It judges
// "exactly once".
type LedgerEntry struct {
	Reference    string `json:"reference"`
	Applications int    `json:"applications"` // identifications carried out
	Documents    int    `json:"documents"`    // different documents linked
	Attachments  int    `json:"attachments"`  // links accepted, repetitions among them
	Callbacks    int    `json:"callbacks"`    // calls really made to its URL: duplicates count, dropped ones do not
}

// ledger keeps the entries in the order their references were first seen.
type ledger struct {
	byReference map[string]*LedgerEntry
	inOrder     []*LedgerEntry
}

func (l *ledger) of(reference string) *LedgerEntry {
	entry := l.byReference[reference]
	if entry == nil {
		entry = &LedgerEntry{Reference: reference}
		l.byReference[reference] = entry
		l.inOrder = append(l.inOrder, entry)
	}
	return entry
}
