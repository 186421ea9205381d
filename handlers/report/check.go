package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// maxPages is how many check runs one environment's plan is spread over at most:
// its own and ten continuations.
const maxPages = 11

// inCheck is how much of an object a check shows: all of it, over several blocks if
// it must be.
var inCheck = detail{width: 4000, lines: 1 << 30, size: MaxOutput - pageReserve, notes: 1 << 30}

// pageReserve is room on each page for its heading and for what is left out.
const pageReserve = 6000

// Gate returns the one check to require: it concludes for the whole report, also
// when nothing is affected.
func Gate(r Report) Check {
	top, bottom := r.frame()
	return Check{
		Name:        GateName,
		Conclusion:  r.Conclusion(),
		Title:       Verdict(r),
		Summary:     top + bottom + terminal(r.command(nil)),
		Annotations: problemAnnotations(r.Problems),
	}
}

// terminal says how to read the same in a terminal.
func terminal(command string) string {
	return "\nIn a terminal:\n\n" + fence("sh", []string{command})
}

// Checks returns all checks of a report: the gate first, then one for each affected
// environment with its plan. A plan that does not fit goes on in continuations
// named "slipway / production (2/3)"; those are neutral, since they judge nothing.
func Checks(r Report) []Check {
	checks := []Check{Gate(r)}
	var names []render.Environment
	parts := map[render.Environment][]Part{}
	for _, p := range r.Parts {
		name := p.Target.Environment
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		parts[name] = append(parts[name], p)
	}
	for _, name := range names {
		checks = append(checks, environmentChecks(r, name, parts[name])...)
	}
	return checks
}

func environmentChecks(r Report, name render.Environment, parts []Part) []Check {
	conclusions := make([]Conclusion, len(parts))
	for i, p := range parts {
		conclusions[i] = p.conclusion()
	}
	part := r
	part.Parts, part.Problems, part.Conflicts, part.Notices, part.Unclaimed, part.Outsider = parts, nil, nil, nil, nil, false
	top, bottom := part.frame()
	pages := r.pages(parts)
	first := Check{
		Name:        short(checkName(name), 100),
		Conclusion:  Worst(conclusions...),
		Title:       count(parts...).verdict(),
		Summary:     top + bottom + terminal(r.command(nil)),
		Text:        pages[0],
		Annotations: partAnnotations(parts),
	}
	checks := []Check{first}
	for i, page := range pages[1:] {
		checks = append(checks, Check{
			Name:       fmt.Sprintf("%s (%d/%d)", first.Name, i+2, len(pages)),
			Conclusion: Neutral,
			Title:      fmt.Sprintf("Page %d of %d of the plan", i+2, len(pages)),
			Summary:    fmt.Sprintf("The plan of %s goes on here. %s concludes for it.\n", code(first.Name), code(first.Name)),
			Text:       page,
		})
	}
	return checks
}

// pages spreads the plan of parts over pages of at most MaxOutput characters, cut
// between objects; at least one, at most maxPages.
func (r Report) pages(parts []Part) []string {
	const room = MaxOutput - pageReserve
	groups, bodies := r.ordered(grouped(parts), maxPages*room)
	var pages []string
	var page strings.Builder
	used := 0
	for i, g := range groups {
		heading := "#### " + g.heading() + "\n\n"
		for j, block := range bodies[i] {
			text := heading + block + "\n"
			if used > 0 && used+size(text) > room {
				if len(pages) == maxPages-1 {
					page.WriteString(r.beyond(groups[i:], j > 0))
					return append(pages, page.String())
				}
				pages = append(pages, page.String())
				page.Reset()
				used = 0
				if j > 0 {
					text = "#### " + g.name() + " (continued)\n\n" + text
				}
			}
			page.WriteString(text)
			used += size(text)
			heading = ""
		}
	}
	return append(pages, page.String())
}

// ordered returns the groups' blocks, each of which fits a page; with the groups to be
// seen first in front where not all will fit.
func (r Report) ordered(groups []group, room int) ([]group, [][]string) {
	bodies := make([][]string, len(groups))
	sum := 0
	for i, g := range groups {
		bodies[i] = g.body(inCheck)
		for j, block := range bodies[i] {
			if size(block) > inCheck.size { // one object's remarks alone
				bodies[i][j] = fmt.Sprintf("One object has more remarks than fit. They are printed by %s.\n", code(short(r.command(&g.parts[0].Target), 1000)))
			}
			sum += size(bodies[i][j])
		}
	}
	if sum <= room {
		return groups, bodies
	}
	sorted, theirs := make([]group, len(groups)), make([][]string, len(groups))
	for i, j := range byRank(groups) {
		sorted[i], theirs[i] = groups[j], bodies[j]
	}
	return sorted, theirs
}

// name names a group in Markdown.
func (g group) name() string {
	if len(g.parts) > 1 {
		return g.same() + g.names(code)
	}
	return code(short(g.first().Target.String(), 120))
}

func (g group) heading() string { return g.name() + " · " + g.counts() }

// beyond names what even the last page has no room for, and what prints it.
func (r Report) beyond(groups []group, begun bool) string {
	rest := "of"
	if begun {
		rest = "the rest of the first of these, and of the others all, of"
	}
	var lines []string
	for _, g := range groups[:min(5, len(groups))] {
		line := r.command(&g.parts[0].Target)
		if size(line) <= 600 {
			lines = append(lines, visible(line))
		}
	}
	if len(lines) < len(groups) {
		lines = append(lines, r.command(nil))
	}
	return fmt.Sprintf("\n**Left out for its size:** %s %s. It is printed by:\n\n%s", rest, plural(targetsOf(groups), "target"), fence("sh", lines))
}

func targetsOf(groups []group) int {
	n := 0
	for _, g := range groups {
		n += len(g.parts)
	}
	return n
}
