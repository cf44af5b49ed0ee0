package exam

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"durablekyc.example/kyc"
	"durablekyc.example/records/bundle"
	"durablekyc.example/records/facts"
)

// Row is one record of the population. What its manifest says is proven for every row, by the log. Kind, Opened,
// Documents and Consents are in the encrypted parts of a record: they are proven for the records of the sample.
type Row struct {
	Index     int64     `json:"index"`  // of its leaf in the log
	Leaf      string    `json:"leaf"`   // its hash, in hexadecimal
	Record    string    `json:"record"` // reference/run
	Reference string    `json:"reference"`
	Stage     string    `json:"stage"`
	Outcome   string    `json:"outcome"`         // approved, denied or empty
	Ended     time.Time `json:"ended,omitzero"`  // zero if the case was ended in Temporal
	InPeriod  bool      `json:"inPeriod"`        // it ended in the period, or has no end
	Kind      string    `json:"kind,omitempty"`  // individual or business
	Opened    time.Time `json:"opened,omitzero"` // zero if the record has no facts
	Documents string    `json:"documents"`       // how often which type was sent, as "license=2 passport=1"
	Consents  string    `json:"consents"`        // SHA-256 of each text that was agreed to; elsewhere if the sender took it
}

// rowOf is the row of a record, by its manifest and its facts.
func rowOf(index int64, m bundle.Manifest, leaf tlog.Hash, factLines []byte, o Options) Row {
	r := Row{Index: index, Leaf: hex.EncodeToString(leaf[:]), Record: m.Record, Reference: m.Reference,
		Stage: m.Outcome.Stage, Outcome: m.Outcome.Outcome, Ended: m.Outcome.EndedAt, InPeriod: o.includes(m.Outcome.EndedAt)}
	all, err := facts.Decode(factLines)
	if err != nil {
		return r // the writer of the record could not replay the case
	}
	sent, agreed := map[string]int{}, map[string]bool{}
	for _, f := range all {
		r.take(f, sent, agreed)
	}
	var documents []string
	for _, kind := range slices.Sorted(maps.Keys(sent)) {
		documents = append(documents, kind+"="+strconv.Itoa(sent[kind]))
	}
	r.Documents, r.Consents = strings.Join(documents, " "), strings.Join(slices.Sorted(maps.Keys(agreed)), " ")
	return r
}

// take adds what a fact says. A fact that has no such fields adds nothing.
func (r *Row) take(f facts.Fact, sent map[string]int, agreed map[string]bool) {
	switch f.What {
	case facts.WhatStarted:
		var data facts.Started
		if json.Unmarshal(f.Data, &data) == nil {
			r.Opened, r.Kind = data.At, string(kyc.CustomerTypeOf(data.CustomerID))
		}
	case facts.WhatRestored:
		var data facts.Restored
		if json.Unmarshal(f.Data, &data) == nil {
			r.Opened, r.Kind = data.Case.StartedAt, string(kyc.CustomerTypeOf(data.Case.CustomerID))
		}
	case facts.WhatSubmitted:
		var data kyc.Submitted
		if json.Unmarshal(f.Data, &data) != nil {
			return
		}
		kind := string(data.Submission.Type)
		if kind == "" {
			kind = "unnamed" // ConnectFi was told the type when the images were announced
		}
		sent[kind]++
		switch c := data.Submission.Consent; {
		case c == nil:
		case c.Elsewhere:
			agreed["elsewhere"] = true
		default:
			agreed[c.Text] = true
		}
	}
}

// columns of population.csv, in the order of their values.
var columns = []string{"index", "leaf", "record", "reference", "stage", "outcome", "ended", "in_period", "kind",
	"opened", "documents", "consents"}

func writeCSV(to io.Writer, rows []Row) error {
	w := csv.NewWriter(to)
	err := w.Write(columns)
	for _, r := range rows {
		if err != nil {
			return err
		}
		err = w.Write([]string{strconv.FormatInt(r.Index, 10), r.Leaf, r.Record, r.Reference, r.Stage, r.Outcome,
			stamp(r.Ended), strconv.FormatBool(r.InPeriod), r.Kind, stamp(r.Opened), r.Documents, r.Consents})
	}
	w.Flush()
	return w.Error()
}

// stamp is a time in UTC, or nothing for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
