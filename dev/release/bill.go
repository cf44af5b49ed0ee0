package main

import (
	"bytes"
	"maps"
	"runtime"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill is what is in the release, in CycloneDX's form: each program, the
// modules that it is linked from, and their licenses. It has no serial number
// and no time, which would differ from one build to the next; the tool that is
// usual for this writes its own checksum into it, which does as well.
func (r release) bill(linked map[string][]module, licenses map[string]string) ([]byte, error) {
	bill := cdx.NewBOM()
	product := cdx.Component{BOMRef: "durable-kyc", Type: cdx.ComponentTypeApplication, Name: "durable-kyc",
		Version: r.version}
	bill.Metadata = &cdx.Metadata{Component: &product}
	standard := "pkg:golang/std@" + runtime.Version()
	components := []cdx.Component{{BOMRef: standard, PackageURL: standard, Type: cdx.ComponentTypeLibrary, Name: "std",
		Version: runtime.Version(), Licenses: named("BSD-3-Clause")}}
	dependencies := []cdx.Dependency{{Ref: product.BOMRef, Dependencies: &programs}}
	all := map[string]cdx.Component{}
	for _, program := range programs {
		components = append(components, cdx.Component{BOMRef: program, Type: cdx.ComponentTypeApplication, Name: program,
			Version: r.version})
		needs := []string{standard}
		for _, m := range linked[program] {
			needs = append(needs, m.url())
			all[m.url()] = cdx.Component{BOMRef: m.url(), PackageURL: m.url(), Type: cdx.ComponentTypeLibrary, Name: m.Path,
				Version: m.Version,
				// go.sum's checksum, which is of a list of files and of no file.
				Properties: &[]cdx.Property{{Name: "go.sum", Value: m.Sum}}, Licenses: named(licenses[m.Path])}
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: program, Dependencies: &needs})
	}
	for _, url := range slices.Sorted(maps.Keys(all)) {
		components = append(components, all[url])
	}
	bill.Components, bill.Dependencies = &components, &dependencies
	var text bytes.Buffer
	err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bill)
	return text.Bytes(), err
}

// url is a module's package URL.
func (m module) url() string {
	return "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
}

func named(license string) *cdx.Licenses {
	if strings.Contains(license, " ") {
		return &cdx.Licenses{{Expression: license}}
	}
	if license == noAssertion {
		return &cdx.Licenses{{License: &cdx.License{Name: license}}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: license}}}
}
