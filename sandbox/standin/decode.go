package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"durablekyc.example/connectfi"
)

// maxBody bounds every JSON body; the documented ones are far smaller.
const maxBody = 1 << 20

type validator interface{ Validate() []connectfi.Problem }

// decode reads a request the way ConnectFi's schemas do: a property that is not
// listed, is missing or has another type is refused (S, C), all problems at
// once, then connectfi's own rules for the values. The error is a *refusal.
//
// A wire type says it all: a field without omitempty is required. An optional
// one may be null, which is documented for syncMode and webhookUrl only (S) and
// assumed of the rest (A). What is no JSON at all is "must be object" (A).
func decode[T validator](r *http.Request) (T, error) {
	var request T
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return request, tooLarge()
	}
	var c shape
	c.check(body, reflect.TypeFor[T](), "", "#")
	// What shape has found already is why this may fail, in part or in whole.
	if err := json.Unmarshal(body, &request); err != nil && len(c) == 0 {
		return request, invalid([]connectfi.Problem{problem("", "#", "type", "type", "object", "must be object")})
	}
	problems := []connectfi.Problem(c)
	for _, p := range request.Validate() {
		if !c.covers(p.InstancePath) {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return request, invalid(problems)
	}
	return request, nil
}

// shape gathers what is wrong with a body before any value is looked at.
type shape []connectfi.Problem

func problem(path, schema, keyword, param string, value any, message string) connectfi.Problem {
	return connectfi.Problem{InstancePath: path, SchemaPath: schema + "/" + keyword, Keyword: keyword,
		Params: map[string]any{param: value}, Message: message}
}

// covers reports whether something is known already of a path or of what it
// lies in: a missing or mistyped value needs no second complaint.
func (c shape) covers(path string) bool {
	return slices.ContainsFunc(c, func(p connectfi.Problem) bool {
		at := p.InstancePath
		switch p.Keyword {
		case "required":
			at += "/" + p.Params["missingProperty"].(string)
		case "additionalProperties":
			return false
		}
		return path == at || strings.HasPrefix(path, at+"/")
	})
}

func (c *shape) check(raw json.RawMessage, t reflect.Type, path, schema string) {
	want, ok := "object", false
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[json.RawMessage]():
		ok = fits[map[string]json.RawMessage](raw)
	case kind == reflect.Pointer:
		c.check(raw, t.Elem(), path, schema)
		return
	case kind == reflect.Struct:
		if ok = fits[map[string]json.RawMessage](raw); ok {
			c.checkObject(raw, t, path, schema)
		}
	case kind == reflect.Slice:
		var items []json.RawMessage
		if want, ok = "array", json.Unmarshal(raw, &items) == nil && items != nil; ok {
			for i, item := range items {
				c.check(item, t.Elem(), fmt.Sprintf("%s/%d", path, i), schema+"/items")
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
		*c = append(*c, problem(path, schema, "type", "type", want, "must be "+want))
	}
}

func (c *shape) checkObject(raw json.RawMessage, t reflect.Type, path, schema string) {
	var given map[string]json.RawMessage
	_ = json.Unmarshal(raw, &given) // fits has tried it
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		value, there := given[name]
		delete(given, name)
		optional := strings.Contains(options, "omitempty")
		switch {
		case !there && !optional:
			*c = append(*c, problem(path, schema, "required", "missingProperty", name, "must have required property '"+name+"'"))
		case there && !(optional && isNull(value)):
			c.check(value, t.Field(i).Type, path+"/"+name, schema+"/properties/"+name)
		}
	}
	unknown := make([]string, 0, len(given))
	for name := range given {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		*c = append(*c, problem(path, schema, "additionalProperties", "additionalProperty", name, "must NOT have additional properties"))
	}
}

func fits[T any](raw json.RawMessage) bool {
	var value T
	return !isNull(raw) && json.Unmarshal(raw, &value) == nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }
