package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/handlers/internal/spelling"
	"github.com/slipwayhq/slipway/render"
)

// Limits of what is said of one file.
const (
	maxProblems = 100
	maxMessage  = 500 // bytes
)

// problems collects what is wrong with one file; the same is said once.
type problems struct {
	file string
	all  []render.Problem
	said map[render.Problem]bool
}

// add notes a problem: a message of one sentence, and what to write instead.
func (p *problems) add(line int, message, hint string) {
	problem := render.Problem{File: p.file, Line: line, Message: cut(message), Hint: cut(hint)}
	if !p.said[problem] {
		if p.said == nil {
			p.said = make(map[render.Problem]bool)
		}
		p.said[problem] = true
		p.all = append(p.all, problem)
	}
}

// sorted returns the problems in the order of their lines; of very many, the first.
func (p *problems) sorted() []render.Problem {
	slices.SortStableFunc(p.all, func(a, b render.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	if len(p.all) > maxProblems {
		more := render.Problem{File: p.file, Message: fmt.Sprintf("there are %d more problems", len(p.all)-maxProblems), Hint: "mend these first"}
		return append(p.all[:maxProblems:maxProblems], more)
	}
	return p.all
}

// cut shortens what quotes a very long value.
func cut(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}

// nearest returns the known word that differs least from word, or "" where none
// is near enough to be what was meant.
func nearest(word string, known []string) string {
	const longest = 64
	best, distance := "", max(1, len(word)/3)+1
	if len(word) > longest {
		return ""
	}
	for _, candidate := range known {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}
