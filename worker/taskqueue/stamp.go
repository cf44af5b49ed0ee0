package taskqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"durablekyc.example/records/timestamp"
)

// stampTimeout is how long an authority may take to answer. It signs some hundred bytes.
const stampTimeout = 10 * time.Second

// stamp has the authority stamp the latest checkpoint, once a day. The recorder goes on without it.
func (s *recordSweep) stamp(ctx context.Context) {
	if s.authority == nil {
		return
	}
	kept, err := s.recorder.Stamp(ctx, s.now(), s.authority)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.stamps.WithLabelValues("failed").Inc()
		s.log.Warn("the checkpoint of the records has no time-stamp yet; the next sweep retries", "error", err)
	case kept:
		s.stamps.WithLabelValues("stored").Inc()
		s.log.Info("the checkpoint of the records was time-stamped")
	}
}

// authority asks the time-stamp authority at an address, as RFC 3161 says for HTTP. An error does not repeat the
// address, which may have a password in it.
func authority(address string, timeout time.Duration) timestamp.Post {
	client := &http.Client{Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, request []byte) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(request))
		if err != nil {
			return nil, errors.New("KYC_RECORDS_TSA is not a URL")
		}
		r.Header.Set("Content-Type", "application/timestamp-query")
		answer, err := client.Do(r)
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("it answered %d", answer.StatusCode)
		}
		data, err := io.ReadAll(io.LimitReader(answer.Body, timestamp.MaxSize+1))
		if err == nil && len(data) > timestamp.MaxSize {
			err = fmt.Errorf("its answer has more than %d bytes", timestamp.MaxSize)
		}
		return data, err
	}
}
