package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"durablekyc.example/dev/stack/cost"
	"durablekyc.example/dev/stack/fleet"
)

// result is what a run ends with. Rates are cases or callbacks a second.
type result struct {
	Store     string               `json:"store"`
	CPUs      int                  `json:"cpus"`
	Cases     int                  `json:"casesARound"`
	Clients   int                  `json:"clients"`
	Rounds    []round              `json:"rounds"`
	Ratio     float64              `json:"ratio"`         // of the times that all rounds took
	Deviation float64              `json:"ratioStdError"` // of the mean of the rounds' ratios
	Sides     map[string]side      `json:"sides"`
	Paths     map[string]cost.Cost `json:"paths"`
	Callbacks []map[string]float64 `json:"callbacks"` // a second, by way, round by round
	Ways      map[string]accepted  `json:"ways"`
	Memory    map[string]int       `json:"memoryBytes"` // resident, by process, at the end

	laps map[string][]roundResult
	sent map[string][]signals
}

type round struct {
	Ours  float64 `json:"ours"`
	Floor float64 `json:"floor"`
	Ratio float64 `json:"ratio"`
}

// side is one contender over all rounds.
type side struct {
	Rate   float64            `json:"casesPerSecond"`
	Ratio  float64            `json:"ratioToFloor"`
	Median float64            `json:"decisionMedianSeconds"` // from the callback to the end of the case
	P99    float64            `json:"decisionP99Seconds"`
	CPU    map[string]float64 `json:"cpuSecondsPerCase"` // by process, and all of them
}

type accepted struct {
	Rate   float64            `json:"perSecond"`
	Median float64            `json:"medianSeconds"`
	P99    float64            `json:"p99Seconds"`
	Ratio  float64            `json:"ratioToRaw"`     // of the times that all rounds took
	CPU    map[string]float64 `json:"cpuSecondsEach"` // by process
}

func newResult(s settings) *result {
	return &result{Store: store(s), CPUs: runtime.NumCPU(), Memory: map[string]int{}, Cases: s.Cases, Clients: s.Clients,
		Sides: map[string]side{},
		Ways:  map[string]accepted{}, laps: map[string][]roundResult{}, sent: map[string][]signals{}}
}

// store names where Temporal keeps its data.
func store(s settings) string {
	if s.Postgres != "" {
		return "postgresql"
	}
	return "sqlite in memory"
}

func (r *result) add(laps map[string]roundResult) {
	r.Rounds = append(r.Rounds, round{laps[ours].rate(), laps[baselineVariant].rate(),
		laps[ours].rate() / laps[baselineVariant].rate()})
	for name, l := range laps {
		r.laps[name] = append(r.laps[name], l)
	}
	floor := sum(r.laps[baselineVariant])
	for name := range laps {
		s := sum(r.laps[name])
		s.Ratio = s.Rate / floor.Rate
		r.Sides[name] = s
	}
	r.Ratio, r.Deviation = r.Sides[ours].Ratio, stdError(r.Rounds)
}

func sum(laps []roundResult) (s side) {
	var (
		cases   int
		took    time.Duration
		decided []time.Duration
	)
	s.CPU = map[string]float64{}
	for _, l := range laps {
		cases, took, decided = cases+l.cases, took+l.took, append(decided, l.decided...)
		for name, seconds := range l.cpu {
			s.CPU[name] += seconds
			s.CPU["all"] += seconds
		}
	}
	for name := range s.CPU {
		s.CPU[name] /= float64(cases)
	}
	s.Rate = float64(cases) / took.Seconds()
	s.Median, s.P99 = quantiles(decided)
	return s
}

func (r *result) addSignals(laps map[string]signals) {
	rates := map[string]float64{}
	for way, s := range laps {
		rates[way] = s.rate()
		r.sent[way] = append(r.sent[way], s)
		r.Ways[way] = accept(r.sent[way])
	}
	r.Callbacks = append(r.Callbacks, rates)
	for way, a := range r.Ways {
		a.Ratio = a.Rate / r.Ways[raw].Rate
		r.Ways[way] = a
	}
}

func accept(rounds []signals) (a accepted) {
	var (
		took time.Duration
		each []time.Duration
	)
	a.CPU = map[string]float64{}
	for _, s := range rounds {
		took, each = took+s.took, append(each, s.each...)
		for name, seconds := range s.cpu {
			a.CPU[name] += seconds
		}
	}
	for name := range a.CPU {
		a.CPU[name] /= float64(len(each))
	}
	a.Rate = float64(len(each)) / took.Seconds()
	a.Median, a.P99 = quantiles(each)
	return a
}

// quantiles are the median and the 99th percentile, in seconds.
func quantiles(all []time.Duration) (median, p99 float64) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2].Seconds(), all[len(all)*99/100].Seconds()
}

// stdError is of the mean of the rounds' ratios.
func stdError(rounds []round) float64 {
	var mean, squares float64
	for _, r := range rounds {
		mean += r.Ratio / float64(len(rounds))
	}
	for _, r := range rounds {
		squares += (r.Ratio - mean) * (r.Ratio - mean)
	}
	if len(rounds) < 2 {
		return 0
	}
	return math.Sqrt(squares / float64(len(rounds)-1) / float64(len(rounds)))
}

// usage is what every process has used up so far, by its name.
func usage(of fleet.Fleet) (map[string]fleet.Usage, error) {
	all := map[string]fleet.Usage{}
	for _, p := range of {
		u, err := p.Usage()
		if err != nil {
			return nil, err
		}
		all[p.Name] = u
	}
	return all, nil
}

// spent is the processor time between two looks, in seconds.
func spent(before, after map[string]fleet.Usage) map[string]float64 {
	cpu := map[string]float64{}
	for name := range after {
		cpu[name] = after[name].CPU - before[name].CPU
	}
	return cpu
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "\non %s, %d processors, %d cases a round, %d at once\n\nwhat a path costs\n", r.Store, r.CPUs,
		r.Cases, r.Clients)
	for _, name := range slices.Sorted(maps.Keys(r.Paths)) {
		fmt.Fprintf(out, "  %-26s %s\n", name, r.Paths[name])
	}
	fmt.Fprintln(out, "\n            cases/s  of the floor   callback to decision     CPU of a case")
	for _, name := range []string{ours, baselineVariant, limited, within} {
		s := r.Sides[name]
		fmt.Fprintf(out, "  %-8s %8.1f  %12.3f   median %3.0f p99 %4.0f ms   %5.1f ms:", name, s.Rate, s.Ratio, s.Median*1000,
			s.P99*1000, s.CPU["all"]*1000)
		for _, process := range slices.Sorted(maps.Keys(s.CPU)) {
			if process != "all" {
				fmt.Fprintf(out, " %s %.1f", process, s.CPU[process]*1000)
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, "  limited: the floor, its queue under a rate limit that is never reached; within: the floor, "+
		"reading the status in the workflow task")
	if len(r.Callbacks) > 0 {
		fmt.Fprintln(out, "\ncallbacks")
		for _, way := range ways {
			a := r.Ways[way]
			fmt.Fprintf(out, "  %-8s %6.0f/s   of raw %.3f   median %5.1f p99 %5.1f ms (of raw %.2f)   CPU of each:",
				way, a.Rate, a.Ratio, a.Median*1000, a.P99*1000, a.P99/r.Ways[raw].P99)
			for _, process := range []string{"temporal", "webhook-1", "floor"} {
				fmt.Fprintf(out, " %s %.2f", process, a.CPU[process]*1000)
			}
			fmt.Fprintln(out, " ms")
		}
		fmt.Fprintln(out, "  bare: the floor's receiver, which believes whoever calls, encrypts nothing and writes no log")
	}
	fmt.Fprintln(out, "\nresident at the end")
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		fmt.Fprintf(out, "  %-10s %4d MB\n", name, r.Memory[name]>>20)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, each := range r.Rounds {
		low, high = min(low, each.Ratio), max(high, each.Ratio)
	}
	fmt.Fprintf(out, "\n%d rounds, their ratios from %.3f to %.3f, standard error %.3f\nratio ours/floor %.3f\n",
		len(r.Rounds), low, high, r.Deviation, r.Ratio)
}
