package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

// What is bound to a drift issue: the digest of what it tells, and that itself, so that
// what cannot be looked at is told as it was. There is nowhere else to keep it that
// outlives this process, and all of it is told anyway.
const (
	boundDrift  = "drift"
	boundKnown  = "known"
	boundAtMost = 20000 // characters of what is bound
)

// A memory is what an issue tells.
type memory struct {
	At    time.Time          `json:"at"` // of the check that wrote it
	Parts []report.DriftPart `json:"parts"`
}

// keepDriftIssue makes the environment's issue say what has drifted. whole says why
// nothing is known of the environment; nil where something is.
func (r *rollout) keepDriftIssue(ctx context.Context, d report.DriftReport, compared int, whole *render.Problem) error {
	marker := driftMarker(d.Environment)
	number, body, err := r.Issues.Find(ctx, r.repo, marker)
	if err != nil {
		return err
	}
	now := r.Planner.Now().UTC().Truncate(time.Second)
	d = recall(body).into(d, whole, now)
	found := slices.ContainsFunc(d.Parts, func(p report.DriftPart) bool { return len(p.Objects) > 0 })
	switch {
	case len(d.Parts) == 0 && number == 0:
		return nil
	case len(d.Parts) == 0 && whole == nil:
		return r.Issues.Close(ctx, r.repo, marker, report.DriftClosed(d.Environment, d.Targets, compared))
	case number == 0 && !found:
		said := "drift could not be looked for"
		if len(d.Parts[0].Unknown) > 0 {
			said = "drift was looked for, but not in every object"
		}
		r.Log.WarnContext(ctx, said, "repository", r.repo.String(), "environment", string(d.Environment), "reason", d.Parts[0].Problem.Message)
		return nil
	case len(d.Parts) == 0 || bound(body)[boundDrift] == d.Digest():
		return nil
	}
	kept := map[string]string{boundDrift: d.Digest(), boundKnown: remember(d, now)}
	d.Reserve = len(bind(marker, kept))
	title, text := report.DriftIssue(d)
	_, rest, _ := strings.Cut(text, "\n")
	_, err = r.Issues.Keep(ctx, r.repo, marker, title, bind(marker+"\n"+rest, kept))
	return err
}

// recall reads what an issue tells; nothing where it was written by somebody else.
func recall(body string) memory {
	var m memory
	if json.Unmarshal([]byte(bound(body)[boundKnown]), &m) != nil {
		return memory{}
	}
	return m
}

// remember writes what an issue tells. Of very much the long values go first, then the
// last objects.
func remember(d report.DriftReport, now time.Time) string {
	m := memory{At: now, Parts: slices.Clone(d.Parts)}
	for i := range m.Parts {
		m.Parts[i].Problem = nil
		if !m.Parts[i].FailingSince.IsZero() { // why is told anew each time; that it is so is kept
			m.Parts[i].Problem = &render.Problem{}
		}
	}
	for short := false; ; short = true {
		content, err := json.Marshal(m)
		if err != nil {
			panic(err) // of decoded JSON
		}
		if len(bind("", map[string]string{boundKnown: string(content)})) <= boundAtMost {
			return string(content)
		}
		if !short {
			m.shorten()
			continue
		}
		longest := slices.MaxFunc(m.Parts, func(a, b report.DriftPart) int { return len(a.Objects) - len(b.Objects) })
		if len(longest.Objects) == 0 {
			return ""
		}
		for i := range m.Parts {
			m.Parts[i].Objects = m.Parts[i].Objects[:len(m.Parts[i].Objects)*3/4]
		}
	}
}

// shorten leaves out the values that are long.
func (m memory) shorten() {
	const most = 200
	shorter := func(value any) any {
		if content, err := json.Marshal(value); err == nil && len(content) > most {
			return fmt.Sprintf("(%d characters)", len(content))
		}
		return value
	}
	for i := range m.Parts {
		m.Parts[i].Objects = slices.Clone(m.Parts[i].Objects)
		for j := range m.Parts[i].Objects {
			object := &m.Parts[i].Objects[j]
			object.Fields = slices.Clone(object.Fields)
			for k := range object.Fields {
				object.Fields[k].Git, object.Fields[k].Live = shorter(object.Fields[k].Git), shorter(object.Fields[k].Live)
			}
		}
	}
}

// into adds what is remembered to a check: of what could not be compared, how it was,
// and of what could, since when it has been so.
func (m memory) into(d report.DriftReport, whole *render.Problem, now time.Time) report.DriftReport {
	parts := slices.Clone(d.Parts)
	if whole != nil { // targets that are gone from Git are known from the cluster alone
		for _, old := range m.Parts {
			if !slices.ContainsFunc(parts, func(p report.DriftPart) bool { return p.Target == old.Target }) {
				parts = append(parts, report.DriftPart{Target: old.Target, Cluster: old.Cluster, Problem: whole, FailingSince: now})
			}
		}
		slices.SortFunc(parts, func(a, b report.DriftPart) int { return strings.Compare(a.Target.String(), b.Target.String()) })
	}
	for i := range parts {
		old, _ := m.part(parts[i].Target)
		parts[i] = m.fill(parts[i], old, now)
	}
	d.Parts = parts
	return d
}

func (m memory) part(target render.Target) (report.DriftPart, bool) {
	i := slices.IndexFunc(m.Parts, func(p report.DriftPart) bool { return p.Target == target })
	if i < 0 {
		return report.DriftPart{}, false
	}
	return m.Parts[i], true
}

// fill completes one part by what was known of its target.
func (m memory) fill(p, old report.DriftPart, now time.Time) report.DriftPart {
	if p.Problem == nil {
		if p.Digest = digestOf(p.Objects); p.Digest == old.Digest && !old.Since.IsZero() {
			p.Since = old.Since
		}
		return p
	}
	if p.FailingSince.IsZero() {
		p.FailingSince = now
	}
	p.LastChecked = m.At
	if old.Problem != nil { // it failed then, too
		p.FailingSince, p.LastChecked = old.FailingSince, old.LastChecked
	}
	nothing := len(p.Objects)+len(p.Unknown) == 0 // was looked at
	for _, object := range old.Objects {
		unknown := nothing || slices.Contains(p.Unknown, object.ID)
		if unknown && !slices.ContainsFunc(p.Objects, func(o report.DriftedObject) bool { return o.ID == object.ID }) {
			p.Objects = append(p.Objects, object)
		}
	}
	slices.SortFunc(p.Objects, func(a, b report.DriftedObject) int { return a.ID.Compare(b.ID) })
	if p.Commit == "" {
		p.Commit = old.Commit
	}
	if p.Since = old.Since; p.Since.IsZero() {
		p.Since = now
	}
	p.Digest = digestOf(p.Objects)
	return p
}

// digestOf is of what differs, not of who made it so, nor when. Empty for no objects.
func digestOf(objects []report.DriftedObject) string {
	if len(objects) == 0 {
		return ""
	}
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	for _, object := range objects {
		fields := make([][4]any, len(object.Fields))
		for i, f := range object.Fields {
			fields[i] = [4]any{f.Kind, f.Path, f.Git, f.Live}
		}
		if err := encoder.Encode([]any{object.ID, object.Missing, fields}); err != nil {
			panic(err) // of decoded JSON
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}
