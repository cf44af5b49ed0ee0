package connectfi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Decode reads the body of a request the way ConnectFi's schemas do: a property
// that is not listed, is missing or has another type is refused (S, C), all
// problems at once, then Validate's for the values; no problems is a good
// request. Whoever answers these endpoints reads them with this: the stand-in,
// and our own edge.
//
// A wire type says it all: a field without omitempty is required. An optional
// one may be null, which is documented for syncMode and webhookUrl only (S) and
// assumed of the rest (A). What is no JSON at all is "must be object" (A).
func Decode[T request](body []byte) (T, []Problem) {
	var r T
	var c schemaCheck
	body = parsed(withoutBOM(body))
	c.check(body, reflect.TypeFor[T](), "")
	// What shape has found already is why this may fail, in part or in whole.
	if err := json.Unmarshal(body, &r); err != nil && len(c) == 0 {
		return r, []Problem{NewProblem("", "type", "type", "object", "must be object")}
	}
	problems := []Problem(c)
	for _, p := range r.Validate() {
		if !c.covers(about(p)) {
			problems = append(problems, p)
		}
	}
	return r, problems
}

// parsed is a body as JSON.parse, which reads for Ajv, would write it: the last
// of several properties of one name counts, a null like any other, and 1e2 is
// an integer. Go would keep what stood before a null.
func parsed(body []byte) []byte {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return body
	}
	once, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return once
}

// NewProblem is an entry as Ajv writes it, with its one parameter.
func NewProblem(path, keyword, param string, value any, message string) Problem {
	return Problem{InstancePath: path, SchemaPath: schemaPath(path) + "/" + keyword, Keyword: keyword,
		Params: map[string]any{param: value}, Message: message}
}

// schemaCheck gathers what is wrong with a body before any value is looked at.
type schemaCheck []Problem

// covers reports whether something is known already of a path or of what it
// is in: a missing or mistyped value needs no second error.
func (c schemaCheck) covers(path string) bool {
	return slices.ContainsFunc(c, func(p Problem) bool {
		at := about(p)
		return p.Keyword != "additionalProperties" && (path == at || strings.HasPrefix(path, at+"/"))
	})
}

// about is the path of what a problem complains of: what is missing has none of
// its own in Ajv's entry.
func about(p Problem) string {
	if p.Keyword == "required" {
		return p.InstancePath + "/" + p.Params["missingProperty"].(string)
	}
	return p.InstancePath
}

func (c *schemaCheck) check(raw json.RawMessage, t reflect.Type, path string) {
	want, ok := "object", false
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[json.RawMessage]():
		ok = fits[map[string]json.RawMessage](raw)
	case kind == reflect.Pointer:
		c.check(raw, t.Elem(), path)
		return
	case kind == reflect.Struct:
		if ok = fits[map[string]json.RawMessage](raw); ok {
			c.checkObject(raw, t, path)
		}
	case kind == reflect.Slice:
		var items []json.RawMessage
		if want, ok = "array", json.Unmarshal(raw, &items) == nil && items != nil; ok {
			for i, item := range items {
				c.check(item, t.Elem(), fmt.Sprintf("%s/%d", path, i))
			}
		}
	case kind == reflect.String:
		want, ok = "string", fits[string](raw)
	case kind == reflect.Int:
		want, ok = "integer", fits[int](raw)
	case kind == reflect.Bool:
		want, ok = "boolean", fits[bool](raw)
	}
	if !ok {
		*c = append(*c, NewProblem(path, "type", "type", want, "must be "+want))
	}
}

func (c *schemaCheck) checkObject(raw json.RawMessage, t reflect.Type, path string) {
	var given map[string]json.RawMessage
	_ = json.Unmarshal(raw, &given) // fits has tried it
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, there := given[name]
		delete(given, name)
		optional := strings.Contains(options, "omitempty")
		switch {
		case !there && !optional:
			*c = append(*c, NewProblem(path, "required", "missingProperty", name, "must have required property '"+name+"'"))
		case there && !(optional && isNull(value)):
			c.check(value, field.Type, path+"/"+name)
		}
	}
	unknown := make([]string, 0, len(given))
	for name := range given {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		*c = append(*c, NewProblem(path, "additionalProperties", "additionalProperty", name,
			"must NOT have additional properties"))
	}
}

func fits[T any](raw json.RawMessage) bool {
	var value T
	return !isNull(raw) && json.Unmarshal(raw, &value) == nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }
