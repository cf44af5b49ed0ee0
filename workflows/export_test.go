package workflows

// ResendForTest is what Client.Resend starts an ended notifier with.
func ResendForTest(l Ledger, id string) (Ledger, error) { return l, l.resend(id) }
