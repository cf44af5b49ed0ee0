package main

// The drivers of clouds, each behind its URL: s3://, gs:// and azblob:// for
// buckets, awskms://, gcpkms:// and azurekeyvault:// for the key that opens the
// keyset. They are imported here and not by the packages that use them, so that
// only a program that opens buckets includes them: they make it twice as large.
import (
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
	_ "gocloud.dev/secrets/awskms"
	_ "gocloud.dev/secrets/azurekeyvault"
	_ "gocloud.dev/secrets/gcpkms"
)
