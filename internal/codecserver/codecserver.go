// Package codecserver is the codec endpoint of the Temporal UI: it shows sealed
// payloads to those who may read them. Whoever may call it can read every
// case, so it decodes and nothing else, for pages of named origins alone, and
// only with a credential; it writes down who read which workflows' payloads,
// and never what was in them.
package codecserver

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/weburl"
)

const (
	// maxBody bounds a request: Temporal takes payloads of 2 MB, which are
	// 2.7 MB as text, and the UI asks for an event or two at a time.
	maxBody = 4 << 20
	// maxConcurrent bounds the memory: further requests are told to retry later.
	maxConcurrent = 8
)

// tokenPattern is what a token has to be: as long as every secret, and good for an address.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{32,}$`)

// Config is what an endpoint needs; all of it is required.
type Config struct {
	Keyset  encryption.Keyset
	Origins []string // of the Temporal UI: https://temporal.example:8233
	Tokens  []string // each is a credential of at least 32 characters
	Logger  *slog.Logger
}

type endpoint struct {
	Config
	origins []string // as browsers serialise them
	tokens  [][sha256.Size]byte
	slots   chan struct{}
}

// Handler serves POST /decode and POST /<token>/decode below the prefix. The
// token is a Bearer token or a step of the path, because a Temporal UI without
// a login of its own can send nothing else. The error says what is wrong with
// the configuration and repeats no token.
func Handler(prefix string, c Config) (http.Handler, error) {
	e := &endpoint{Config: c, slots: make(chan struct{}, maxConcurrent)}
	if len(c.Origins) == 0 || len(c.Tokens) == 0 {
		return nil, errors.New("the codec server needs both origins and tokens")
	}
	for _, origin := range c.Origins {
		serialised, err := weburl.ParseOrigin(origin)
		if err != nil {
			return nil, err
		}
		e.origins = append(e.origins, serialised)
	}
	for i, token := range c.Tokens {
		if !tokenPattern.MatchString(token) {
			return nil, fmt.Errorf("codec token %d must have at least 32 letters, digits, hyphens or underscores", i+1)
		}
		e.tokens = append(e.tokens, sum(token))
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/decode", "/{token}/decode"} {
		mux.HandleFunc("OPTIONS "+prefix+path, e.preflight)
		mux.HandleFunc("POST "+prefix+path, e.decode)
	}
	return mux, nil
}

// allowed lets the page of a named origin read the answer, and reports whether
// whoever asks is one.
func (e *endpoint) allowed(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	origin := r.Header.Get("Origin")
	if !slices.Contains(e.origins, origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}

// preflight is asked without a credential: browsers send none with it.
func (e *endpoint) preflight(w http.ResponseWriter, r *http.Request) {
	if !e.allowed(w, r) {
		http.Error(w, "this origin may not read payloads", http.StatusForbidden)
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Namespace")
	w.Header().Set("Access-Control-Max-Age", "600")
	// A Temporal UI on a public address may read a codec inside a private network
	// (Private Network Access): the origin was named by the operator of both.
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		w.Header().Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *endpoint) decode(w http.ResponseWriter, r *http.Request) {
	log := e.Logger.With("origin", r.Header.Get("Origin"), "from", r.RemoteAddr)
	switch {
	case !e.allowed(w, r): // also a program without an origin: it is no Temporal UI
		log.Warn("codec request rejected: origin not allowed")
		http.Error(w, "this origin may not read payloads", http.StatusForbidden)
		return
	case !e.known(r):
		log.Warn("codec request rejected: no valid credential")
		http.Error(w, "reading payloads needs a credential", http.StatusUnauthorized)
		return
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		http.Error(w, "request body ended early", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	read := &auditCodec{codec: e.Keyset.Codec()}
	converter.NewPayloadCodecHTTPHandler(read).ServeHTTP(w, r)
	slices.Sort(read.owners)
	log.Info("payloads decoded", "count", read.opened, "left", read.left, "of", slices.Compact(read.owners))
}

// known compares in constant time, and always with every token.
func (e *endpoint) known(r *http.Request) bool {
	token := r.PathValue("token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = bearer
	}
	given, known := sum(token), 0
	for _, t := range e.tokens {
		known |= subtle.ConstantTimeCompare(given[:], t[:])
	}
	return known == 1
}

// sum has one length for all tokens, so that a comparison reveals nothing about theirs.
func sum(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// auditCodec is the codec of one request, and what is written down of it.
type auditCodec struct {
	codec        converter.PayloadCodec
	owners       []string
	opened, left int
}

// Encode refuses: the path that would ask for it is not served either.
func (*auditCodec) Encode([]*commonpb.Payload) ([]*commonpb.Payload, error) {
	return nil, errors.New("this endpoint decodes only")
}

// Decode opens one by one: a payload that is not sealed, or by a key that is
// gone, is left as it is, and hides none of those around it.
func (r *auditCodec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	shown := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		r.owners = append(r.owners, encryption.Workflow(p))
		if plain, err := r.codec.Decode(payloads[i : i+1]); err == nil {
			shown[i] = plain[0]
			r.opened++
			continue
		}
		shown[i] = p
		r.left++
	}
	return shown, nil
}
