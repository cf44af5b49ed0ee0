package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// resourceUsage is what a process holds on to.
type resourceUsage struct{ goroutines, files, memory float64 } // memory in bytes

// spare is what an idle process may hold more than when it was idle at first:
// connections that are kept for the next call, and pollers that came with the load.
const spare = 100

// burdens asks everyone who tells.
func (w *world) burdens(ctx context.Context) (map[string]resourceUsage, error) {
	all := map[string]resourceUsage{}
	for name, address := range w.Admins {
		b, err := scrape(ctx, w.HTTP, address)
		if err != nil {
			return nil, fmt.Errorf("%s does not tell its metrics: %w", name, err)
		}
		all[name] = b
	}
	return all, nil
}

// scrape asks a service by its admin listener.
func scrape(ctx context.Context, client *http.Client, address string) (b resourceUsage, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return b, err
	}
	response, err := client.Do(request)
	if err != nil {
		return b, err
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return b, err
	}
	for into, name := range map[*float64]string{&b.goroutines: "go_goroutines", &b.files: "process_open_fds",
		&b.memory: "process_resident_memory_bytes"} {
		metrics := families[name].GetMetric()
		if len(metrics) != 1 {
			return b, fmt.Errorf("there is no %s", name)
		}
		*into = metrics[0].GetGauge().GetValue()
	}
	return b, nil
}

// leaked names what holds more than it should, compared with when it was idle.
func leaked(idle, now map[string]resourceUsage) (wrong []string) {
	for name, b := range now {
		if b.goroutines > idle[name].goroutines+spare {
			wrong = append(wrong, fmt.Sprintf("%s has %g goroutines left, and had %g when it was idle", name, b.goroutines,
				idle[name].goroutines))
		}
		if b.files > idle[name].files+spare {
			wrong = append(wrong, fmt.Sprintf("%s has %g files open, and had %g when it was idle", name, b.files,
				idle[name].files))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// leftovers judges what is left once every case has ended: no goroutine, no open
// file, no temporary one, and after a sweep without grace nothing in the bucket.
func (w *world) leftovers(ctx context.Context) (wrong []violation, err error) {
	var all []string
	// Connections that nobody uses are closed after a minute and a half.
	err = patiently(ctx, 2*time.Minute, func() (bool, error) {
		now, err := w.burdens(ctx)
		all = leaked(w.idle, now)
		return len(all) == 0, err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"worker-1", "worker-2"} {
		p := w.Named(name)
		p.Env["KYC_DOCUMENTS_GRACE"], p.Env["KYC_DOCUMENTS_SWEEP"] = "1ms", "1m"
		if err := p.End(syscall.SIGINT); err != nil {
			return nil, err
		}
		if err := p.Start(ctx); err != nil {
			return nil, err
		}
	}
	var left []string
	err = patiently(ctx, 5*time.Minute, func() (bool, error) {
		left, err = files(w.Documents, w.Temporary)
		return len(left) == 0, err
	})
	if err != nil {
		return nil, err
	}
	for _, file := range left {
		all = append(all, file+" was left behind")
	}
	for _, what := range all {
		wrong = append(wrong, violation{"the system", what})
	}
	return wrong, nil
}

// patiently asks until it is so, or the time is over: that is no error.
func patiently(ctx context.Context, within time.Duration, so func() (bool, error)) error {
	for deadline := time.Now().Add(within); ; time.Sleep(500 * time.Millisecond) {
		done, err := so()
		if err != nil || done || time.Now().After(deadline) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// files are those below the directories, wherever they lie.
func files(dirs ...string) (all []string, err error) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				all = append(all, path)
			}
			if os.IsNotExist(err) { // swept meanwhile, or never made
				return nil
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
