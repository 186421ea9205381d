// Package drift turns what a deployed commit renders and a live cluster into a drift
// record: which objects are otherwise than Git has them, in which fields, who wrote
// the live value and when; and a digest that is equal as long as what drifted is.
// It says which of the fields that Git does not have are somebody's manual change,
// and which are a controller's business. It writes nothing.
package drift

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/preview"
	"github.com/slipwayhq/slipway/render"
)

// A Request asks whether one target has drifted.
type Request struct {
	Target render.Target
	Commit render.Commit // the deployed one
	// Rendered is what the deployed commit renders.
	Rendered *render.Rendered
	Ignore   []preview.IgnoreRule
	// Namespace is given to namespaced objects that name none; empty means default.
	Namespace string
}

// A Result is what has drifted in one target.
type Result struct {
	Target  render.Target `json:"target"`
	Commit  render.Commit `json:"commit"`
	Objects []Object      `json:"objects,omitempty"` // sorted by id; none where nothing drifted
	// Digest is equal as long as what drifted is, whoever made it so and whenever;
	// empty where nothing drifted.
	Digest string `json:"digest,omitempty"`
	// Checked is how many objects were compared, or found missing.
	Checked int `json:"checked"`
	// Unknown are objects that could not be compared, though others could.
	Unknown []render.ObjectID `json:"unknown,omitempty"`
	// Problem says why the check could not run, or could not compare every object;
	// Objects are then what was found nevertheless, and no drift is not known to be
	// none. Its words have no secret values.
	Problem *render.Problem `json:"problem,omitempty"`
}

// A Kind says how a field differs.
type Kind string

// The kinds of difference. An object that is gone as a whole has no fields.
const (
	Changed Kind = "changed"     // Git has the field, and the live value is another or none
	Extra   Kind = "extra field" // Git does not have it
)

// An Object is one that is not as Git has it.
type Object struct {
	ID      render.ObjectID `json:"id"` // with its namespace in the cluster
	Origin  render.Origin   `json:"origin,omitzero"`
	Missing bool            `json:"missing,omitempty"` // there is no such object; Fields is empty
	Fields  []Field         `json:"fields,omitempty"`  // sorted by path
}

// A Field is one difference. Values are decoded JSON, masked; nil is absent.
type Field struct {
	Kind Kind   `json:"kind"`
	Path string `json:"path"` // as preview prints it
	// Pointer names the field as an ignore rule does; empty where none can.
	Pointer string `json:"pointer,omitempty"`
	Git     any    `json:"git,omitempty"`
	Live    any    `json:"live,omitempty"`
	// Manager wrote the live value last; empty where there is none: nobody's name
	// is kept beside what is gone.
	Manager string    `json:"manager,omitempty"`
	At      time.Time `json:"at,omitzero"` // when that manager last wrote to the object (UTC)
	// Stays is set where applying the deployed commit again would not undo it.
	Stays bool `json:"stays,omitempty"`
}

// Check compares each request's target with the cluster, by index. Live objects are
// read once for all requests; the API server is asked, by dry run, about suspects
// alone. A context that ends shows as a problem of what was not compared by then.
func Check(ctx context.Context, cluster *preview.Cluster, requests []Request) []Result {
	results := make([]Result, len(requests))
	var asked []preview.Request
	var places []int // in results
	for i, request := range requests {
		results[i] = Result{Target: request.Target, Commit: request.Commit}
		switch {
		case request.Rendered == nil:
			results[i].Problem = &render.Problem{Message: fmt.Sprintf("%s is not known at the deployed commit", request.Target)}
		case request.Rendered.Problem != nil:
			results[i].Problem = request.Rendered.Problem
		default:
			places = append(places, i)
			asked = append(asked, preview.Request{
				Target: request.Target, Head: request.Rendered, Ignore: request.Ignore, Namespace: request.Namespace,
			})
		}
	}
	if len(asked) == 0 {
		return results
	}
	observed, problem := cluster.Observe(ctx, asked, counts)
	for j, i := range places {
		if problem != nil {
			results[i].Problem = problem
			continue
		}
		results[i].fill(observed[j])
	}
	return results
}

// counts reports whether what the writer added to an object of ours is drift: a
// person did it, to the object itself or by scaling it. Status and the other
// subresources are reports of what is, and no wish.
func counts(w preview.Writer) bool {
	return (w.Subresource == "" || w.Subresource == "scale") && preview.IsPersonsTool(w.Manager)
}

func (r *Result) fill(observed []preview.Observation) {
	var unknown []render.Problem
	for _, o := range observed {
		if o.Unknown != nil {
			unknown = append(unknown, *o.Unknown)
			r.Unknown = append(r.Unknown, o.ID)
			continue
		}
		r.Checked++
		object := Object{ID: o.ID, Origin: o.Origin, Missing: o.Missing}
		for _, d := range o.Deviations {
			if !isAct(d) {
				object.Fields = append(object.Fields, fieldOf(d))
			}
		}
		if object.Missing || len(object.Fields) > 0 {
			r.Objects = append(r.Objects, object)
		}
	}
	slices.SortStableFunc(r.Objects, func(a, b Object) int { return a.ID.Compare(b.ID) })
	r.Digest = digest(r.Objects)
	r.Problem = join(unknown, len(observed))
}

// restarted is where kubectl rollout restart notes that it was asked to.
const restarted = "[kubectl.kubernetes.io/restartedAt]"

// isAct reports whether the field only notes that somebody did something once: a
// restart wishes for no other state than Git has.
func isAct(d preview.Deviation) bool {
	return d.Beside && strings.HasSuffix(d.Path, "template.metadata.annotations"+restarted)
}

func fieldOf(d preview.Deviation) Field {
	kind := Changed
	if d.Git == nil || d.Beside {
		kind = Extra
	}
	return Field{
		Kind: kind, Path: d.Path, Pointer: d.Pointer, Git: d.Git, Live: d.Live,
		Manager: d.Writer.Manager, At: d.Writer.At, Stays: d.Beside,
	}
}

// join makes one problem of those of single objects; nil of none.
func join(unknown []render.Problem, of int) *render.Problem {
	if len(unknown) == 0 {
		return nil
	}
	first := unknown[0]
	if len(unknown) > 1 {
		first.Message = fmt.Sprintf("%d of %d objects could not be compared; the first: %s", len(unknown), of, first.Message)
	}
	return &first
}

// digest is the SHA-256 of what differs: not of who made it so, nor when, which
// change while the difference stays. Empty for no objects.
func digest(objects []Object) string {
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
			panic(err) // decoded JSON always encodes, and a hash takes everything
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}
