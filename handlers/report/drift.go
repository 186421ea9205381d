package report

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// A DriftReport is what has drifted in one environment.
type DriftReport struct {
	Repository  string
	Environment render.Environment
	// Parts are those of targets that have drifted or could not be checked, sorted
	// by application.
	Parts []DriftPart
	// Targets is how many targets the environment has.
	Targets int
	// Reserve is how many characters of the issue's body are left free.
	Reserve int
}

// A DriftPart is what has drifted in one target.
type DriftPart struct {
	Target  render.Target
	Cluster string        // its registered name
	Commit  render.Commit // the deployed one, with which the cluster is compared
	// Digest is equal as long as what has drifted is.
	Digest  string
	Since   time.Time       // the check that saw this drift first (UTC)
	Objects []DriftedObject // sorted by id
	// Problem says why the check could not run, or not whole. What of Objects could not
	// be compared is then as it was at LastChecked (zero where nothing is known of
	// that); FailingSince is the first of the checks that could not.
	Problem      *render.Problem
	LastChecked  time.Time
	FailingSince time.Time
	// Unknown are the objects that could not be compared, where others could.
	Unknown []render.ObjectID
}

// A DriftKind says how the live state differs from Git.
type DriftKind string

// The kinds of drift.
const (
	DriftChanged DriftKind = "changed"     // Git has the field, and the live value is another or none
	DriftMissing DriftKind = "missing"     // the whole object is gone
	DriftExtra   DriftKind = "extra field" // Git does not have it; a person set it
)

// A DriftedObject is one object of a target that is not as Git has it.
type DriftedObject struct {
	ID     render.ObjectID
	Origin render.Origin // where Git has it
	// Missing is set where the object is gone; Fields is empty then.
	Missing bool
	Fields  []DriftedField // sorted by path
}

// A DriftedField is one difference. Values are masked; nil is absent.
type DriftedField struct {
	Kind      DriftKind
	Path      string // as preview prints it
	Pointer   string // as an ignore rule names it: /spec/replicas; may be empty
	Git, Live any
	Manager   string    // who set the live value, from managedFields; may be empty
	At        time.Time // when (UTC); zero where the server does not say
}

// Marker returns the first line of the issue's body: it names the environment and
// the digest of the drift. While it is equal the issue is not to be edited.
func (d DriftReport) Marker() string {
	return DriftMarker(d.Environment) + d.Digest() + " -->"
}

// DriftMarker returns how the body of an environment's drift issue starts.
func DriftMarker(e render.Environment) string {
	return DriftIssues + markerWord(string(e)) + " "
}

// Digest is equal as long as what drifted, and which targets could not be checked,
// and why, is. Times are not in it, nor are numbers in the words of what hindered a
// check: an address or a port in them changes with each try.
func (d DriftReport) Digest() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q\n", d.Environment)
	for _, p := range d.Parts {
		why := ""
		if p.Problem != nil {
			why = "! " + numbers.ReplaceAllString(p.Problem.Message, "#")
		}
		fmt.Fprintf(hash, "%q %q %q\n", p.Target.String(), p.Digest, why)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))[:16]
}

// numbers are words in which a digit stands: ports, addresses, times, ids.
var numbers = regexp.MustCompile(`[0-9a-zA-Z]*[0-9][0-9a-zA-Z]*`)

// A driftTally counts what has drifted.
type driftTally struct {
	targets, unchecked              int // unchecked as a whole
	unknown                         int // objects that could not be compared, of other targets
	objects, changed, missing, more int // objects, those with changed fields, those that are gone, those with extra fields
}

func countDrift(parts ...DriftPart) driftTally {
	var t driftTally
	for _, p := range parts {
		switch {
		case p.partly():
			t.unknown += len(p.Unknown)
		case p.Problem != nil:
			t.unchecked++
		}
		if len(p.Objects) > 0 {
			t.targets++
		}
		for _, o := range p.Objects {
			t.objects++
			kinds := map[DriftKind]bool{}
			for _, f := range o.Fields {
				kinds[f.Kind] = true
			}
			switch {
			case o.Missing:
				t.missing++
			default:
				t.changed += one(kinds[DriftChanged])
				t.more += one(kinds[DriftExtra])
			}
		}
	}
	return t
}

// partly reports whether only some objects of the target could not be compared.
func (p DriftPart) partly() bool { return p.Problem != nil && len(p.Unknown) > 0 }

// notChecked says what could not be looked at, e.g. "1 target and 2 objects not checked";
// empty where all was.
func (t driftTally) notChecked() string {
	var words []string
	if t.unchecked > 0 {
		words = append(words, plural(t.unchecked, "target"))
	}
	if t.unknown > 0 {
		words = append(words, plural(t.unknown, "object"))
	}
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " and ") + " not checked"
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// words says what has drifted, counts first, e.g. "2 objects of 1 target have drifted".
func (t driftTally) words() string {
	if t.objects == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s %s drifted", plural(t.objects, "object"), plural(t.targets, "target"), agree(t.objects, "has", "have"))
}
