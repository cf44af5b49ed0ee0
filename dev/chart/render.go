package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"
)

// The release that is rendered: its name is not the chart's, so that a name
// which forgets one of the two is seen.
const releaseName, namespace = "prod", "kyc"

// oldest is the Kubernetes that the chart is rendered for, the least that it asks for.
const oldest = "v1.30.0"

// object is one object for a cluster.
type object struct {
	template string // where it comes from
	text     string
	fields   map[string]any
}

func (o object) kind() string       { return fmt.Sprint(o.fields["kind"]) }
func (o object) apiVersion() string { return fmt.Sprint(o.fields["apiVersion"]) }

func (o object) name() string {
	metadata, _ := o.fields["metadata"].(map[string]any)
	return fmt.Sprint(metadata["name"])
}

// release is everything that an install makes, hooks included, in the order of its templates.
type release struct {
	version string // appVersion
	objects []object
	notes   string
}

// render is `helm template`, with values files on top of each other.
func render(directory string, files ...string) (*release, error) {
	chart, err := loader.Load(directory)
	if err != nil {
		return nil, err
	}
	values, err := read(files)
	if err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	kube, err := common.ParseKubeVersion(oldest)
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *kube
	all, err := util.ToRenderValues(chart, values, common.ReleaseOptions{Name: releaseName, Namespace: namespace,
		IsInstall: true, Revision: 1}, capabilities)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return nil, err
	}
	made := &release{version: chart.Metadata.AppVersion}
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		if filepath.Base(path) == "NOTES.txt" {
			made.notes = texts[path]
			continue
		}
		manifests := releaseutil.SplitManifests(texts[path])
		for _, key := range slices.Sorted(maps.Keys(manifests)) {
			o := object{template: path, text: strings.TrimSpace(manifests[key]) + "\n"}
			// Strict: a key that is there twice would win or lose by chance.
			if err := yaml.UnmarshalStrict([]byte(o.text), &o.fields); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", path, err, o.text)
			}
			if len(o.fields) > 0 { // and not only a comment
				made.objects = append(made.objects, o)
			}
		}
	}
	return made, nil
}

// findings is `helm lint --strict`: what it has against the chart with these values. Hints (there is no icon) are none.
func findings(directory string, files ...string) ([]string, error) {
	values, err := read(files)
	if err != nil {
		return nil, err
	}
	kube, err := common.ParseKubeVersion(oldest)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, message := range lint.RunAll(directory, values, namespace, lint.WithKubeVersion(kube)).Messages {
		if message.Severity > support.InfoSev {
			all = append(all, message.Error())
		}
	}
	return all, nil
}

func read(files []string) (map[string]any, error) {
	values := map[string]any{}
	for _, file := range files {
		more, err := common.ReadValuesFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		values = loader.MergeMaps(values, more)
	}
	return values, nil
}
