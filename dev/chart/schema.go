package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Where the schemas are from: modules that carry them as files. They are not
// compiled, so they are in no go.mod; the Go command checks what it downloads.
const (
	kubernetesModule = "k8s.io/kubernetes@v1.35.4" // of the release whose types go.mod has
	kedaModule       = "github.com/kedacore/keda/v2@v2.21.0"
	prometheusModule = "github.com/prometheus-operator/prometheus-operator@v0.90.1"
	controllerModule = "github.com/temporalio/temporal-worker-controller@v1.8.1"
)

// schemas are those of all kinds that the chart may make, by apiVersion and kind.
type schemas struct {
	kinds map[string]*jsonschema.Schema
	typed runtime.Decoder
	keda  string // the module's directory
}

// loadSchemas reads them, and downloads first what this machine has not seen yet.
func loadSchemas(ctx context.Context) (*schemas, error) {
	s := &schemas{kinds: map[string]*jsonschema.Schema{},
		typed: serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()}
	kubernetes, err := module(ctx, kubernetesModule)
	if err != nil {
		return nil, err
	}
	for _, group := range []string{"api__v1", "apis__apps__v1", "apis__autoscaling__v2", "apis__batch__v1",
		"apis__networking.k8s.io__v1", "apis__policy__v1"} {
		if err := s.openAPI(filepath.Join(kubernetes, "api", "openapi-spec", "v3", group+"_openapi.json")); err != nil {
			return nil, err
		}
	}
	if s.keda, err = module(ctx, kedaModule); err != nil {
		return nil, err
	}
	prometheus, err := module(ctx, prometheusModule)
	if err != nil {
		return nil, err
	}
	controller, err := module(ctx, controllerModule)
	if err != nil {
		return nil, err
	}
	const controllerCRDs = "helm/temporal-worker-controller-crds/templates/temporal.io_"
	const operator = "example/prometheus-operator-crd/monitoring.coreos.com_"
	for _, file := range []string{filepath.Join(s.keda, "config/crd/bases/keda.sh_scaledobjects.yaml"),
		filepath.Join(s.keda, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
		filepath.Join(controller, controllerCRDs+"connections.yaml"),
		filepath.Join(controller, controllerCRDs+"workerdeployments.yaml"),
		filepath.Join(prometheus, operator+"servicemonitors.yaml"), filepath.Join(prometheus, operator+
			"prometheusrules.yaml")} {
		if err := s.definition(file); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// module is the directory of a module's files.
func module(ctx context.Context, at string) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", at).Output()
	var downloaded struct{ Dir, Error string }
	if decoding := json.Unmarshal(output, &downloaded); decoding != nil {
		return "", errors.Join(err, decoding)
	}
	if downloaded.Dir == "" {
		return "", fmt.Errorf("%s has the schemas and cannot be downloaded: %s", at, downloaded.Error)
	}
	return downloaded.Dir, nil
}

// openAPI adds the kinds of one API group, from the description that an API server publishes.
func (s *schemas) openAPI(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	closed(document)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(file, document); err != nil {
		return err
	}
	for name, schema := range document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		kinds, _ := schema.(map[string]any)["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			kind := k.(map[string]any)
			apiVersion := strings.TrimPrefix(fmt.Sprintf("%s/%s", kind["group"], kind["version"]), "/")
			compiled, err := compiler.Compile(file + "#/components/schemas/" + name)
			if err != nil {
				return err
			}
			s.kinds[fmt.Sprintf("%s %s", apiVersion, kind["kind"])] = compiled
		}
	}
	return nil
}

// definition adds a kind of an operator's, from its CustomResourceDefinition.
func (s *schemas) definition(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		properties := schema["properties"].(map[string]any)
		properties["metadata"] = map[string]any{"type": "object", "additionalProperties": true} // which is Kubernetes' own
		closed(schema)
		at := file + "/" + version.Name
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(at, schema); err != nil {
			return err
		}
		if s.kinds[fmt.Sprintf("%s/%s %s", definition.Spec.Group, version.Name, definition.Spec.Names.Kind)],
			err = compiler.Compile(at); err != nil {
			return err
		}
	}
	return nil
}

// closed lets no schema take fields that it does not name: a cluster drops
// them without a word, or with a warning that nobody reads.
func closed(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		_, open := schema["additionalProperties"]
		if _, names := schema["properties"].(map[string]any); names && !open &&
			schema["x-kubernetes-preserve-unknown-fields"] != true {
			schema["additionalProperties"] = false
		}
		for _, part := range schema {
			closed(part)
		}
	case []any:
		for _, part := range schema {
			closed(part)
		}
	}
}

// check says what a cluster would have against an object.
func (s *schemas) check(o object) error {
	kind := o.apiVersion() + " " + o.kind()
	schema, known := s.kinds[kind]
	if !known {
		return fmt.Errorf("%s: nothing is known of %s", o.template, kind)
	}
	text, err := json.Marshal(o.fields)
	if err != nil {
		return err
	}
	fields, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	if err := schema.Validate(fields); err != nil {
		return fmt.Errorf("%s: %s %s: %w", o.template, kind, o.name(), err)
	}
	// Kubernetes' own types know what a schema cannot say: quantities, say.
	if !strings.HasSuffix(strings.Split(o.apiVersion(), "/")[0], ".k8s.io") && strings.Contains(o.apiVersion(), ".") {
		return nil
	}
	if _, _, err := s.typed.Decode(text, nil, nil); err != nil {
		return fmt.Errorf("%s: %s %s: %w", o.template, kind, o.name(), err)
	}
	return nil
}
