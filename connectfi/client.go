package connectfi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
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
	HTTP     *http.Client  // nil: one of its own, which follows no redirect
	Timeout  time.Duration // of one request; zero is 15 s
}

// Client makes one attempt a call, and one more after a fresh token where
// ConnectFi answered 401: such a request was not carried out. Whether to try
// again is for the caller to decide; two layers of retries would multiply.
type Client struct {
	config Config
	base   *url.URL
	tokens tokens
}

const (
	defaultTimeout = 15 * time.Second
	mostAnswer     = 1 << 20  // bytes of an answer
	mostUpload     = 25 << 20 // bytes of a document; ConnectFi's own limit is unknown (A)
)

// New checks the configuration, all of it at once, and calls nobody.
func New(config Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(config.BaseURL, "/"))
	var errs []error
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		errs = append(errs, errors.New("the base URL of ConnectFi must be an http or https URL"))
	}
	for _, p := range (TokenRequest{User: Login{config.Login, config.Password}}).Validate() {
		errs = append(errs, fmt.Errorf("ConnectFi's credentials: %s %s", strings.TrimPrefix(p.InstancePath, "/user/"), p.Message))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.HTTP == nil {
		config.HTTP = &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Client{config: config, base: base, tokens: tokens{turn: make(chan struct{}, 1)}}, nil
}

// Identify starts an identification: POST /akepa/identification (S).
func (c *Client) Identify(ctx context.Context, r IdentificationRequest) (Application, error) {
	return application(post[Application](ctx, c, "/akepa/identification", r, r.Validate()))
}

// Status reads an application: POST /akepa/status (C).
func (c *Client) Status(ctx context.Context, r StatusRequest) (Application, error) {
	return application(post[Application](ctx, c, "/akepa/status", r, r.Validate()))
}

// List reads one page of a customer's applications: POST /akepa/list (C).
func (c *Client) List(ctx context.Context, r ListRequest) (ListPage, error) {
	return post[ListPage](ctx, c, "/akepa/list", r, r.Validate())
}

// GenerateDocument announces a document: POST /akepa/document/generate (C).
func (c *Client) GenerateDocument(ctx context.Context, r GenerateRequest) (Document, error) {
	const op = "/akepa/document/generate"
	document, err := post[Document](ctx, c, op, r, r.Validate())
	if err == nil && document.ID == "" {
		err = &Error{Op: op, HTTPStatus: http.StatusOK, cause: errors.New("no document id")}
	}
	return document, err
}

// UploadDocument sends the bytes of an announced document, at most 25 MiB, as
// the multipart field "file": POST /akepa/document/upload/:documentId (C).
func (c *Client) UploadDocument(ctx context.Context, documentID, fileName, contentType string, file io.Reader) error {
	const op = "/akepa/document/upload"
	if !ruleID.pattern.MatchString(documentID) {
		return &InvalidError{Op: op, Problems: []Problem{{InstancePath: "/documentId", Message: "is not a document id"}}}
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, fileName)},
		"Content-Type":        {contentType}})
	if err != nil {
		return err
	}
	n, err := io.Copy(part, io.LimitReader(file, mostUpload+1))
	if err != nil {
		return fmt.Errorf("the image cannot be read: %w", err)
	}
	if n > mostUpload {
		return &InvalidError{Op: op, Problems: []Problem{{Message: "the image is larger than 25 MiB"}}}
	}
	form.Close()
	_, err = call[json.RawMessage](ctx, c, op, op+"/"+documentID, form.FormDataContentType(), body.Bytes())
	return err
}

// Update links uploaded documents to one entity: POST /akepa/update (C).
func (c *Client) Update(ctx context.Context, r UpdateRequest) (Application, error) {
	return application(post[Application](ctx, c, "/akepa/update", r, r.Validate()))
}

// InitCustomer makes a customer: POST /customer/init (C).
func (c *Client) InitCustomer(ctx context.Context, r CustomerRequest) (Customer, error) {
	return post[Customer](ctx, c, "/customer/init", r, r.Validate())
}

// application refuses an answer that does not say what it is about.
func application(a Application, err error) (Application, error) {
	if err == nil && (a.ApplicationID == "" || a.Status == "") {
		return Application{}, &Error{Op: "/akepa", HTTPStatus: http.StatusOK, cause: errIncomplete}
	}
	return a, err
}

var errIncomplete = errors.New("no application id or no status in it")

func post[T any](ctx context.Context, c *Client, op string, request any, problems []Problem) (T, error) {
	var none T
	if len(problems) > 0 {
		return none, &InvalidError{Op: op, Problems: problems}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return none, err
	}
	return call[T](ctx, c, op, op, "application/json", body)
}

// call sends the request with a token, and once more with a fresh one if
// ConnectFi answered that it was not authorized.
func call[T any](ctx context.Context, c *Client, op, path, contentType string, body []byte) (T, error) {
	var none T
	token, err := c.tokens.get(ctx, c, "")
	if err != nil {
		return none, err
	}
	answer, err := send[T](ctx, c, op, path, contentType, token, body)
	var refused *Error
	if errors.As(err, &refused) && (refused.Code == CodeUnauthorized || refused.HTTPStatus == http.StatusUnauthorized) {
		if token, err = c.tokens.get(ctx, c, token); err != nil {
			return none, err
		}
		answer, err = send[T](ctx, c, op, path, contentType, token, body)
	}
	return answer, err
}

// send is one HTTP exchange.
func send[T any](ctx context.Context, c *Client, op, path, contentType, token string, body []byte) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return none, &Error{Op: op, cause: errors.New("the request cannot be built")}
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	if token != "" {
		request.Header.Set(TokenHeader, token)
	}
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return none, &Error{Op: op, cause: withoutURL(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	if err == nil && len(text) > mostAnswer {
		err = errors.New("it is larger than 1 MiB")
	}
	fail := &Error{Op: op, HTTPStatus: response.StatusCode, Retry: retryAfter(response.Header, time.Now())}
	if err != nil {
		fail.cause = err
		return none, fail
	}
	return decode[T](text, fail)
}

// decode reads an envelope tolerantly: unknown fields and values pass, a lack
// of what every envelope has does not (S, C).
func decode[T any](text []byte, fail *Error) (T, error) {
	var none T
	var envelope Envelope[json.RawMessage]
	if err := json.Unmarshal(text, &envelope); err != nil || envelope.Code == "" {
		fail.cause = errors.New("it is not ConnectFi's envelope")
		return none, fail
	}
	fail.RequestID = envelope.RequestID
	if envelope.Code != CodeOK {
		fail.Code = envelope.Code
		if !codePattern.MatchString(envelope.Code) {
			fail.Code = "unreadable"
		}
		return none, fail
	}
	if fail.HTTPStatus != http.StatusOK {
		fail.cause = errors.New("it says success with another status than 200")
		return none, fail
	}
	var data T
	if err := json.Unmarshal(envelope.Data, &data); err != nil || len(envelope.Data) == 0 || string(envelope.Data) == "null" {
		fail.cause = errors.New("its data cannot be read")
		return none, fail
	}
	return data, nil
}

// withoutURL drops the URL that the transport puts into its errors.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
