package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

func TestOnlySignedNotificationsAreTaken(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhookRaw([]byte(strings.Repeat("k", 24)))
	require.NoError(t, err)
	const body = `{"type":"case.approved"}`
	post := func(at time.Time, text string) int {
		signature, err := verifier.Sign("evt_1", at, []byte(body))
		require.NoError(t, err)
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		request.Header.Set("webhook-id", "evt_1")
		request.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
		request.Header.Set("webhook-signature", signature)
		answer := httptest.NewRecorder()
		receiver(verifier)(answer, request)
		return answer.Code
	}
	require.Equal(t, http.StatusNoContent, post(time.Now(), body))
	require.Equal(t, http.StatusUnauthorized, post(time.Now(), `{"type":"case.denied"}`))
	require.Equal(t, http.StatusUnauthorized, post(time.Now().Add(-time.Hour), body))
	require.Equal(t, http.StatusRequestEntityTooLarge, post(time.Now(), strings.Repeat(" ", 65<<10)))
}
