package telemetry

import "runtime/debug"

// Version says which build this is. The linker stamps it
// (-ldflags "-X durablekyc.example/internal/telemetry.Version=1.2.3"); without
// a stamp it is the commit the build was made from, or Unstamped.
var Version string

// Unstamped is the version of a build that nothing is known of.
const Unstamped = "dev"

func init() {
	if Version == "" {
		Version = unstamped(debug.ReadBuildInfo())
	}
}

func unstamped(build *debug.BuildInfo, ok bool) string {
	if !ok {
		return Unstamped
	}
	var commit, suffix string
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			suffix = "-modified"
		}
	}
	if commit == "" {
		return Unstamped
	}
	return commit + suffix
}
