package github

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipwayhq/slipway/handlers/report"
)

// GitHub's limits on check runs.
const (
	outputRunes       = 65535 // summary and text, each, in characters
	titleRunes        = 255
	annotationBytes   = 64 << 10 // message
	annotationsAtOnce = 50       // a request; updates append
)

// A content is what a check run shall say, within GitHub's limits.
type content struct {
	Name, Conclusion, Title, Summary, Text, DetailsURL string

	Annotations []*gogithub.CheckRunAnnotation
	About       []string
}

// contentOf trims a check to GitHub's limits. Package report stays within them
// already; this is the net below it, because a request over a limit is refused
// whole and the check would never conclude.
func contentOf(check report.Check, detailsURL string) content {
	c := content{
		Name:       check.Name,
		Conclusion: string(check.Conclusion),
		Title:      cutRunes(check.Title, titleRunes),
		Summary:    cutRunes(check.Summary, outputRunes),
		Text:       cutRunes(check.Text, outputRunes),
		DetailsURL: detailsURL,
		About:      check.About,
	}
	if c.Title == "" {
		c.Title = c.Name
	}
	if c.Summary == "" { // GitHub requires one
		c.Summary = c.Title
	}
	for _, a := range check.Annotations {
		if !fs.ValidPath(a.Path) || a.Path == "." {
			continue // GitHub would refuse the whole request
		}
		c.Annotations = append(c.Annotations, annotationOf(a))
	}
	return c
}

func annotationOf(a report.Annotation) *gogithub.CheckRunAnnotation {
	line, level, message := max(a.Line, 1), a.Level, cutBytes(a.Message, annotationBytes)
	switch level {
	case "failure", "warning", "notice":
	default:
		level = "notice"
	}
	if message == "" {
		message = a.Title
	}
	annotation := &gogithub.CheckRunAnnotation{
		Path: &a.Path, StartLine: &line, EndLine: &line, AnnotationLevel: &level, Message: &message,
	}
	if title := cutRunes(a.Title, titleRunes); title != "" {
		annotation.Title = &title
	}
	return annotation
}

// aboutKept is how many things a conclusion can be known to be about; of what is more
// it is made again.
const aboutKept = 5

// key identifies what a run says, annotations included, which lists of runs leave
// out, and then what it is about. It is the run's external id; equal keys need no write.
func (c content) key() string {
	encoded, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers only
	}
	key := digest(encoded)
	for _, about := range c.About[:min(len(c.About), aboutKept)] {
		key += aboutMark(about)
	}
	return key
}

// aboutSign stands before each thing in a key.
const aboutSign = "."

func aboutMark(about string) string { return aboutSign + digest([]byte(about)) }

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// about reports whether the run is about something; every run is about "".
func (r *run) about(what string) bool {
	return what == "" || strings.Contains(r.key, aboutMark(what))
}

// A run is a check run as GitHub has it.
type run struct {
	id          int64
	key         string // external id
	done        bool
	started     time.Time
	annotations int
}

func runOf(r *gogithub.CheckRun) run {
	return run{
		id:          r.GetID(),
		key:         r.GetExternalID(),
		done:        r.GetStatus() == "completed",
		started:     r.GetStartedAt().Time,
		annotations: r.GetOutput().GetAnnotationsCount(),
	}
}

// newest is the run's id, 0 where there is none.
func (r *run) newest() int64 {
	if r == nil {
		return 0
	}
	return r.id
}

// partial marks the key of a run whose annotations are still being appended.
const partial = "+"

// A step is what brings a run from what it says to what it shall say.
type step struct {
	update  int64 // the run to go on with; 0 creates one
	abandon int64 // a run to conclude first, because it cannot be gone on with
	skip    int   // annotations that the run has already
	none    bool  // nothing to do
}

// stepFor decides, given the newest run of that name, nil where there is none.
// GitHub only ever appends annotations, so a run that has some that it should
// not have is followed by a new run of the same name, which takes its place. So
// is a run that a person asked to run again: GitHub leaves the old one as it was.
func stepFor(existing *run, want content, again bool) step {
	switch {
	case existing == nil:
		return step{}
	case existing.done && existing.key == want.key() && !again:
		return step{none: true}
	case !existing.done && existing.key == want.key()+partial && existing.annotations <= len(want.Annotations):
		return step{update: existing.id, skip: existing.annotations}
	case !existing.done && existing.annotations > 0:
		return step{abandon: existing.id}
	case existing.done && (again || existing.annotations > 0):
		return step{}
	}
	return step{update: existing.id}
}

// superseded is what a run of ours concludes as that is no longer part of the report.
func superseded(name string) report.Check {
	return report.Check{
		Name:       name,
		Conclusion: report.Neutral,
		Title:      "Superseded",
		Summary:    "A newer report on this commit does not need this check any more. The check `" + report.GateName + "` concludes for all of it.",
	}
}
