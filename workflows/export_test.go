package workflows

// CancelRequestedForTest is what the test environment cannot act: the server's part in it.
var CancelRequestedForTest = cancelRequested
