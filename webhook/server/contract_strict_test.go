package server_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/require"
)

// open lists the objects that may have more fields than are described, and why.
var open = map[string]string{
	"Refusal.context|0":          "it names what was asked for, and that differs from code to code",
	"Refusal.context|1[].params": "Ajv's, and each keyword has its own",
}

// A field that is not described fails a test only where its object is closed.
// So every object that we answer or send is, down to the last.
func TestWhatWeSayIsClosed(t *testing.T) {
	m := model(t)
	found := map[string]bool{}
	content := func(where string, types *orderedmap.Map[string, *v3.MediaType]) {
		for kind, media := range types.FromOldest() {
			require.NotNil(t, media.Schema, "%s has no schema of %s", where, kind)
			walk(where, media.Schema, found)
		}
	}
	for path, item := range m.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			for status, response := range operation.Responses.Codes.FromOldest() {
				content(fmt.Sprintf("%s %s %s", method, path, status), response.Content)
			}
			require.Nil(t, operation.Responses.Default, "%s %s: each status is named", method, path)
		}
	}
	for name, item := range m.Webhooks.FromOldest() {
		content("webhook "+name, item.Post.RequestBody.Content)
	}
	for where := range found {
		require.Contains(t, open, where, "an object is open to fields that nobody described")
	}
	for where, why := range open {
		require.True(t, found[where], "%s is closed, or gone: no need for a reason (%s)", where, why)
	}
}

// walk finds each schema that says nothing, and each object that is not closed.
// A component is named by itself, wherever it is.
func walk(where string, proxy *base.SchemaProxy, found map[string]bool) {
	if proxy == nil {
		return
	}
	if proxy.IsReference() {
		where = proxy.GetReference()[len("#/components/schemas/"):]
	}
	s := proxy.Schema()
	branches := slices.Concat(s.AnyOf, s.OneOf, s.AllOf)
	silent := len(s.Type) == 0 && s.Const == nil && len(s.Enum) == 0 && len(branches) == 0
	object := slices.Contains(s.Type, "object") || orderedmap.Len(s.Properties) > 0
	closed := s.AdditionalProperties != nil && s.AdditionalProperties.IsB() && !s.AdditionalProperties.B
	if silent || object && !closed || slices.Contains(s.Type, "array") && s.Items == nil {
		found[where] = true
	}
	for name, property := range s.Properties.FromOldest() {
		walk(where+"."+name, property, found)
	}
	if s.Items != nil && s.Items.IsA() {
		walk(where+"[]", s.Items.A, found)
	}
	for i, branch := range branches {
		walk(fmt.Sprintf("%s|%d", where, i), branch, found)
	}
}
