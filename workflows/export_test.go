package workflows

// ResendForTest is what Client.Resend starts an ended notifier with.
func ResendForTest(l Ledger, id string) (Ledger, error) { return l, l.resend(id) }

// CalledOffForTest is what the test environment cannot act: the server's part in it.
var CalledOffForTest = calledOff
