package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/render"
)

// A Runner compiles and evaluates policies somewhere else, by [Compile] and
// [Policies.Judge], within bounds of its own. Its errors mean try again.
type Runner interface {
	// Compile returns what is to be known of the policies, or what is wrong.
	Compile(ctx context.Context, files map[string][]byte) (summary Summary, problems []render.Problem, err error)
	// Judge asks the policies in files about inputs, given facts. Where it had to stop them it says
	// why, in words that follow "the policies".
	Judge(ctx context.Context, files map[string][]byte, facts Facts, inputs []map[string]any) (verdicts [][]Verdict, stopped string, err error)
}

// A Summary is what is to be known of compiled policies.
type Summary struct {
	Rules            []string // their names, sorted
	ReadsPullRequest bool     // see [Policies.ReadsPullRequest]
}

// Summary returns what is to be known of the policies.
func (p *Policies) Summary() Summary { return Summary{p.Rules(), p.ReadsPullRequest()} }

// compileElsewhere is [Compile] by a runner.
func compileElsewhere(ctx context.Context, runner Runner, files map[string][]byte) (*Policies, []render.Problem, error) {
	wanted := make(map[string][]byte, len(files))
	for name, content := range files {
		if IsFile(name) {
			wanted[name] = content
		}
	}
	summary, problems, err := runner.Compile(ctx, wanted)
	if err != nil || len(problems) > 0 {
		return nil, problems, err
	}
	return &Policies{runner: runner, files: wanted, names: summary.Rules, readsPull: summary.ReadsPullRequest}, nil, nil
}

// elsewhere has the runner judge, and believes nothing but what rules may say.
func (p *Policies) elsewhere(ctx context.Context, inputs []map[string]any) ([][]Verdict, error) {
	said, why, err := p.runner.Judge(ctx, p.files, p.facts, inputs)
	if err != nil {
		return nil, err
	}
	if why == "" && len(said) != len(inputs) {
		why = "gave an answer of another shape"
	}
	verdicts := make([][]Verdict, len(inputs))
	for i := range verdicts {
		if why != "" {
			verdicts[i] = []Verdict{stopped(why)}
			continue
		}
		verdicts[i] = p.sound(said[i])
	}
	return verdicts, nil
}

// sound bounds what was said of one object.
func (p *Policies) sound(said []Verdict) []Verdict {
	if most := (maxResults + 1) * (len(p.names) + 1); len(said) > most {
		said = append(slices.Clip(said[:most]), stopped(fmt.Sprintf("gave more than %d results for one object", most)))
	}
	for i, v := range said {
		_, known := order[v.Level]
		if !known || !v.Broken && !slices.Contains(p.names, v.Rule) {
			said[i] = stopped("gave a result that no rule can give")
			continue
		}
		said[i].Message, said[i].Hint = clip(v.Message), clip(v.Hint)
	}
	return said
}
