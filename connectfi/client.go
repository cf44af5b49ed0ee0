package connectfi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// Config says where ConnectFi is and who asks.
type Config struct {
	BaseURL  string
	Login    string
	Password string
	HTTP     *http.Client  // nil: one of its own. Whichever it is, no redirect is followed
	Timeout  time.Duration // of one request, its answer included; zero is 15 s

	// Observe is called for every exchange with the path of its endpoint, without any
	// id; the function that it returns is called with the outcome: Ending's word and
	// the HTTP status, zero if there was none. Nil is nobody. The exchange is
	// made with the context that Watch returns.
	Observe func(ctx context.Context, op string) (within context.Context, done func(ending string, status int))
}

// Client makes one attempt a call, and one more after a fresh token where
// ConnectFi answered 401: such a request was not carried out. Whether to try
// again is for the caller to decide; two layers of retries would multiply.
//
// Its errors are an *InvalidError, if the request was not sent, or an *Error.
type Client struct {
	http     http.Client
	base     string
	login    Login
	timeout  time.Duration
	watch    func(ctx context.Context, op string) (context.Context, func(ending string, status int))
	sessions tokens
}

const (
	defaultTimeout   = 15 * time.Second
	connectTimeout   = 10 * time.Second // of a dial, and of a TLS handshake
	maxResponseBytes = 1 << 20          // bytes of an answer
	maxUploadBytes   = 25 << 20         // bytes of a document; ConnectFi's own limit is unknown (A)
)

// New checks the configuration, all of it at once, and calls nobody.
func New(config Config) (*Client, error) {
	var errs []error
	base, err := url.Parse(config.BaseURL)
	switch {
	case err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https":
		errs = append(errs, errors.New("the base URL of ConnectFi must be an http or https URL"))
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || strings.Contains(config.BaseURL, "#"):
		errs = append(errs, errors.New("the base URL of ConnectFi must not have credentials, a query or a fragment"))
	}
	login := Login{config.Login, config.Password}
	for _, p := range (TokenRequest{User: login}).Validate() {
		errs = append(errs, fmt.Errorf("ConnectFi's credentials: %s %s", strings.TrimPrefix(p.InstancePath, "/user/"),
			p.Message))
	}
	if config.Timeout < 0 {
		errs = append(errs, errors.New("the timeout of a request to ConnectFi must not be negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := &Client{base: strings.TrimRight(config.BaseURL, "/"), login: login, timeout: config.Timeout,
		watch: config.Observe}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if config.HTTP != nil {
		c.http = *config.HTTP
	} else {
		c.http.Transport = transport()
	}
	// A redirect would send the token, and personal data, to another host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// transport keeps enough connections for a worker's activities. The bounds in
// time lie well within a request's own, which bounds the whole.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment, // where production lets nobody out otherwise
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// SignIn fetches a token, a fresh one, whether or not there is one already: so
// that a caller learns whether ConnectFi accepts the login before anything depends
// on it. POST /auth/get-token (C).
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.getToken(ctx)
	return err
}

// Identify starts an identification: POST /akepa/identification (S).
func (c *Client) Identify(ctx context.Context, r IdentificationRequest) (Application, error) {
	return post[Application](ctx, c, "/akepa/identification", r)
}

// Status reads an application: POST /akepa/status (C).
func (c *Client) Status(ctx context.Context, r StatusRequest) (Application, error) {
	return post[Application](ctx, c, "/akepa/status", r)
}

// List reads one page of a customer's applications: POST /akepa/list (C). The
// shape of its answer is assumed (A), and a list misread as empty would make a
// second application: so a list under another name, more without a list, and an
// entry that does not say what it is about, are errors. A list that is null or
// left out is empty (A).
func (c *Client) List(ctx context.Context, r ListRequest) (ListPage, error) {
	return post[ListPage](ctx, c, "/akepa/list", r)
}

// GenerateDocument announces a document: POST /akepa/document/generate (C).
func (c *Client) GenerateDocument(ctx context.Context, r GenerateRequest) (Document, error) {
	return post[Document](ctx, c, "/akepa/document/generate", r)
}

// UploadDocument sends the bytes of an announced document, at most 25 MiB, as
// the multipart field "file": POST /akepa/document/upload/:documentId (C). They
// are held in memory, to be sent again with a fresh token. What data a good
// upload answers was not seen: its code is enough (A).
func (c *Client) UploadDocument(ctx context.Context, documentID, fileName, contentType string, file io.Reader) error {
	const op = "/akepa/document/upload"
	var problems checker
	problems.text("/documentId", documentID, ruleID)
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		problems.add("/file", "contentMediaType", nil, "must have a media type")
	}
	if len(problems) > 0 {
		return &InvalidError{Op: op, Problems: problems}
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", fileName)},
		"Content-Type":        {contentType}})
	if err != nil {
		return err
	}
	n, err := io.Copy(part, io.LimitReader(file, maxUploadBytes+1))
	if err != nil {
		return fmt.Errorf("cannot read the image: %w", err)
	}
	if n > maxUploadBytes {
		problems.add("/file", "maxLength", map[string]any{"limit": maxUploadBytes}, "must NOT be larger than 25 MiB")
		return &InvalidError{Op: op, Problems: problems}
	}
	if err := form.Close(); err != nil {
		return err
	}
	_, err = c.call(ctx, op, "/"+documentID, form.FormDataContentType(), body.Bytes())
	return err
}

// Update links uploaded documents to one entity: POST /akepa/update (C).
func (c *Client) Update(ctx context.Context, r UpdateRequest) (Application, error) {
	return post[Application](ctx, c, "/akepa/update", r)
}

// InitCustomer makes a customer: POST /customer/init (C).
func (c *Client) InitCustomer(ctx context.Context, r CustomerRequest) (Customer, error) {
	return post[Customer](ctx, c, "/customer/init", r)
}
