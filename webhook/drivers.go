package main

// The drivers of clouds, each behind its URL: s3://, gs:// and azblob://. They
// are imported here and not by the document store, so that only a program that
// opens buckets carries them: they make it twice as large.
import (
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
