package connectfi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one entry of a raw Ajv error list, the form in which ConnectFi
// reports what is wrong with a request (C).
type Problem struct {
	InstancePath string         `json:"instancePath"`
	SchemaPath   string         `json:"schemaPath"`
	Keyword      string         `json:"keyword"`
	Params       map[string]any `json:"params"`
	Message      string         `json:"message"`
}

// InvalidError is a request that would break ConnectFi's documented rules. It
// was not sent, and sending it again cannot help.
type InvalidError struct {
	Op       string
	Problems []Problem
}

func (e *InvalidError) Error() string {
	var parts []string
	for _, p := range e.Problems {
		parts = append(parts, strings.TrimSpace(p.InstancePath+" "+p.Message))
	}
	return fmt.Sprintf("%s not sent: %s", e.Op, strings.Join(parts, "; "))
}

// rule is one documented property: its length in characters and its language.
type rule struct {
	min, max       int
	pattern        *regexp.Regexp
	displayPattern string // the pattern as the page prints it
	oneOf          []string
}

var (
	// common-reference (S)
	ruleReference = rule{min: 1, max: 32, pattern: regexp.MustCompile(`^[0-9a-zA-Z]+$`), displayPattern: "^[0-9a-zA-Z]+$"}
	// common-id (S)
	ruleID      = rule{min: 1, max: 36, pattern: regexp.MustCompile(`^[0-9a-zA-Z_]+$`), displayPattern: "^[0-9a-zA-Z_]+$"}
	ruleWebhook = rule{max: 500, pattern: plain, displayPattern: printedPlain} // common-commonStr500 (S)
	// without <> (C); that it is this pattern is assumed (A)
	ruleName     = rule{min: 1, max: 50, pattern: plain, displayPattern: printedPlain}
	ruleNote     = rule{max: 500}                                  // (C)
	ruleWorkflow = rule{oneOf: []string{"BUSINESS", "PERSONAL"}}   // (C)
	ruleSuffix   = rule{oneOf: []string{"jpg", "png"}}             // (C)
	ruleSide     = rule{oneOf: []string{"front", "back"}}          // (A)
	ruleKind     = rule{oneOf: []string{"individual", "business"}} // C, A
	ruleType     = rule{oneOf: DocumentTypes}                      // (C)
)

// The page's look-ahead is not in Go's regexp; this is the same language (D): a
// dot of ECMAScript matches no line terminator.
var plain = regexp.MustCompile(`^[^<>\n\r\x{2028}\x{2029}]*$`)

const printedPlain = "^((?![<>]).)*$" // (S)

// DocumentTypes lists what document/generate takes (C).
var DocumentTypes = []string{"contract", "license", "passport", "utility", "other", "internal",
	"identification_card", "residence_permit", "canada_provincial_id", "indigenous_card", "paystub",
	"bank_statement", "w2", "1099", "1120", "1065", "t1", "t4"}

// checker gathers every problem of one request.
type checker []Problem

func (c *checker) add(path, keyword string, params map[string]any, message string) {
	*c = append(*c, Problem{InstancePath: path, SchemaPath: schemaPath(path) + "/" + keyword,
		Keyword: keyword, Params: params, Message: message})
}

// schemaPath is where Ajv says the rule of a path is: an element of an
// array is the schema's items, whatever its number.
func schemaPath(path string) string {
	var at strings.Builder
	at.WriteString("#")
	for _, name := range strings.Split(path, "/")[1:] {
		if strings.Trim(name, "0123456789") == "" {
			at.WriteString("/items")
		} else {
			at.WriteString("/properties/" + name)
		}
	}
	return at.String()
}

func (c *checker) text(path, value string, r rule) {
	length := utf8.RuneCountInString(value)
	switch {
	case r.oneOf != nil:
		if !slices.Contains(r.oneOf, value) {
			c.add(path, "enum", map[string]any{"allowedValues": r.oneOf}, "must be equal to one of the allowed values")
		}
		return
	case length < r.min:
		c.add(path, "minLength", map[string]any{"limit": r.min}, fmt.Sprintf("must NOT have fewer than %d characters", r.min))
	case length > r.max:
		c.add(path, "maxLength", map[string]any{"limit": r.max}, fmt.Sprintf("must NOT have more than %d characters", r.max))
	}
	if r.pattern != nil && !r.pattern.MatchString(value) {
		c.add(path, "pattern", map[string]any{"pattern": r.displayPattern}, fmt.Sprintf("must match pattern %q",
			r.displayPattern))
	}
}

// Validate checks the documented schema (S); nil if it is kept.
func (r IdentificationRequest) Validate() []Problem {
	var c checker
	c.text("/reference", r.Reference, ruleReference)
	c.text("/customerId", r.CustomerID, ruleID)
	c.text("/webhookUrl", r.WebhookURL, ruleWebhook)
	return c
}

// Validate checks that both ids are there and well-formed (C).
func (r StatusRequest) Validate() []Problem {
	var c checker
	c.text("/customerId", r.CustomerID, ruleID)
	c.text("/applicationId", r.ApplicationID, ruleID)
	return c
}

// Validate checks the customer and the page's bounds (C); zero means "not sent".
func (r ListRequest) Validate() []Problem {
	var c checker
	c.text("/customerId", r.CustomerID, ruleID)
	switch n := r.NumberOfRecords; {
	case n < 0:
		c.add("/numberOfRecords", "minimum", map[string]any{"comparison": ">=", "limit": 1}, "must be >= 1")
	case n > 1000:
		c.add("/numberOfRecords", "maximum", map[string]any{"comparison": "<=", "limit": 1000}, "must be <= 1000")
	}
	if r.SkipRecords < 0 {
		c.add("/skipRecords", "minimum", map[string]any{"comparison": ">=", "limit": 0}, "must be >= 0")
	}
	return c
}

// Validate checks the documented schema (C).
func (r GenerateRequest) Validate() []Problem {
	var c checker
	c.text("/workflow", r.Workflow, ruleWorkflow)
	c.text("/name", r.Name, ruleName)
	c.text("/extension", r.Extension, ruleSuffix)
	c.text("/type", r.Type, ruleType)
	c.text("/note", r.Note, ruleNote)
	return c
}

// Validate checks what is assumed of the body (A).
func (r UpdateRequest) Validate() []Problem {
	var c checker
	c.text("/applicationId", r.ApplicationID, ruleID)
	c.text("/customerId", r.CustomerID, ruleID)
	c.text("/entityId", r.EntityID, ruleID)
	if len(r.Documents) == 0 {
		c.add("/documents", "minItems", map[string]any{"limit": 1}, "must NOT have fewer than 1 items")
	}
	for i, d := range r.Documents {
		c.text(fmt.Sprintf("/documents/%d/documentId", i), d.DocumentID, ruleID)
		c.text(fmt.Sprintf("/documents/%d/side", i), d.Side, ruleSide)
	}
	return c
}

// Validate checks the little that is known of the body (C, A).
func (r CustomerRequest) Validate() []Problem {
	var c checker
	c.text("/customerReference", r.CustomerReference, ruleReference)
	c.text("/customerType", r.CustomerType, ruleKind)
	if len(r.Customer) == 0 {
		c.add("", "required", map[string]any{"missingProperty": "customer"}, "must have required property 'customer'")
	}
	return c
}

// Validate checks the documented schema (C).
func (r TokenRequest) Validate() []Problem {
	var c checker
	c.text("/user/login", r.User.Login, rule{min: 1, max: 36, pattern: ruleID.pattern,
		displayPattern: ruleID.displayPattern})
	c.text("/user/password", r.User.Password, rule{min: 1, max: 50})
	return c
}
