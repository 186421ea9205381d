package report

// The voice of Slipway, in every place where it says something:
//
//   - The verdict comes first, in one line, with counts. Then a table. Details are
//     folded, the riskiest first to be shown and last to be left out.
//   - The words are the design's, the same in comment, check, log and terminal:
//     create, update, replace, delete, refused, unknown; denied, warning, info.
//   - Nothing is silent. What is left out is counted, and where it is to be read is
//     said. "No change" says how many objects were compared.
//   - A sentence says what is, then what to do. It has no exclamation mark, no
//     apology, no "please" and no jest. Icons mark only what needs a look.
//   - Names, paths, values stand in code; what others wrote never becomes markup.
//   - Equal reports give equal bytes: no clock is read, nothing is "ago", no counters.
//     A time that a report has is printed in UTC.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// Marker is the first line of every comment that Comment returns. A comment is
// Slipway's own when it starts with it and the App wrote it.
const Marker = "<!-- slipway:report -->"

// GitHub's limits, in characters.
const (
	MaxComment = 65536
	MaxOutput  = 65535 // of a check's summary, and of its text
)

// brevity bounds what a comment lists outside the groups.
type brevity struct {
	rows  int // of the table
	items int // of each list
	notes int // characters of a sentence
}

// brevities are tried in turn until what must be said leaves room. The last fits
// whatever the report says.
var brevities = []brevity{{30, 100, 600}, {30, 30, 400}, {15, 10, 200}, {5, 3, 100}}

// inComment is how much of an object the comment shows at most.
var inComment = detail{width: 240, lines: 150, size: MaxComment, notes: 10}

// begun is the same for what has no room for that.
var begun = detail{width: 160, lines: 12, size: MaxComment, notes: 3}

// Comment returns a report as one Markdown comment of at most MaxComment
// characters. What does not fit is counted, with the place where it is.
func Comment(r Report) string {
	top, bottom := r.frame()
	room := MaxComment - size(top) - size(bottom) - len(Marker) - 1
	return Marker + "\n" + top + r.sections(room) + bottom
}

// frame returns what stands above and below the groups.
func (r Report) frame() (top, bottom string) {
	for _, b := range brevities {
		top, bottom = r.top(b), r.bottom(b)
		if size(top)+size(bottom) <= MaxComment/2 {
			break
		}
	}
	return top, bottom
}

// top returns heading, problems and the table of targets.
func (r Report) top(b brevity) string {
	var s strings.Builder
	fmt.Fprintf(&s, "### %s %s\n\n", icons[r.Conclusion()], Verdict(r))
	switch {
	case r.Unsandboxed:
		s.WriteString(unsandboxed)
	case r.Outsider:
		s.WriteString(r.outsider(b))
	}
	s.WriteString(r.conflicts(b))
	s.WriteString(r.problems(b))
	if len(r.Notices) > 0 {
		s.WriteString(list(r.Notices, b.items, "notice", func(n string) string { return "ℹ️ " + sentence(brief(n, b.notes)) }))
	}
	if len(r.Parts) > 0 {
		s.WriteString(table(r.Parts, b.rows) + "\n")
	} else if len(r.Conflicts) == 0 && len(r.Problems) == 0 {
		fmt.Fprintf(&s, "The repository has %s; none of them reads a file that this pull request changes.\n\n", plural(r.Targets, "target"))
	}
	return s.String()
}

var icons = map[Conclusion]string{Success: "✅", Failure: "❌", ActionRequired: "⏸️"}

// conflicts says which files do not merge, and how to mend that.
func (r Report) conflicts(b brevity) string {
	if len(r.Conflicts) == 0 {
		return ""
	}
	lines := []string{"git fetch origin", "git merge " + quote("origin/"+r.BaseRef) + "    # then mend the files named above", "git commit --all", "git push"}
	if r.HeadRef != "" && r.HeadRef[0] != '-' {
		lines = slices.Insert(lines, 1, "git switch "+quote(r.HeadRef))
	}
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return fmt.Sprintf("This pull request does not merge into %s. Until it does there is nothing to plan. In conflict:\n\n%sTo resolve it on the pull request's branch:\n\n%s\n",
		code(short(r.BaseRef, 100)), list(r.Conflicts, b.items, "file", pathItem), fence("sh", lines))
}

// problems lists what is wrong with the configuration or the policies.
func (r Report) problems(b brevity) string {
	if len(r.Problems) == 0 {
		return ""
	}
	return list(r.Problems, b.items, "problem", func(p render.Problem) string {
		p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
		return "❌ " + problemNote(p)
	})
}

// list returns a list of at most most items, the others counted.
func list[T any](items []T, most int, noun string, print func(T) string) string {
	var b strings.Builder
	for _, item := range items[:min(most, len(items))] {
		b.WriteString("- " + print(item) + "\n")
	}
	if left := len(items) - most; left > 0 {
		fmt.Fprintf(&b, "- %s not listed here\n", plural(left, "more "+noun))
	}
	return b.String() + "\n"
}

func pathItem(path string) string { return code(short(path, 300)) }

// bottom returns the files that no target reads, and the line in small.
func (r Report) bottom(b brevity) string {
	var s strings.Builder
	if n := len(r.Unclaimed); n > 0 {
		open := ""
		if n <= 3 {
			open = " open"
		}
		fmt.Fprintf(&s, "<details%s><summary>%s that no target reads</summary>\n\n%s</details>\n", open, plural(n, "changed file"), list(r.Unclaimed, b.items, "file", pathItem))
	}
	s.WriteString("\n" + r.footer())
	return s.String()
}

// footer says what was compared and how to do it again.
func (r Report) footer() string {
	var words []string
	if r.Configuration == "" && r.Layout != "" {
		words = append(words, "No configuration: the layout "+code(short(r.Layout, 200))+" was recognised.")
	} else if r.Configuration != "" {
		words = append(words, "Settings: "+code(short(r.Configuration, 200))+" of the base branch.")
	}
	compared := fmt.Sprintf("Planned: %s merged into %s", code(r.Head.Short()), code(r.Base.Short()))
	if len(r.Conflicts) > 0 {
		compared = fmt.Sprintf("Tried: %s onto %s", code(r.Head.Short()), code(r.Base.Short()))
	}
	if r.BaseRef != "" {
		compared += " (" + code(short(r.BaseRef, 100)) + ")"
	}
	words = append(words, compared+".", "To plan again, re-run the check "+code(GateName)+".")
	if link := pageLink(r.DetailsURL); link != "" {
		words = append(words, link)
	}
	return "<sub>" + strings.Join(append(words, "Nothing was applied."), " ") + "</sub>\n"
}

// A shown is a group with the forms in which it may be shown, the fullest first:
// full diffs, the beginnings of diffs, paths.
type shown struct {
	group
	forms [3]string
	form  int // len(forms) while there is room for none
}

// sections returns the groups' folded blocks, those to be seen first in front, as
// much of each as room allows, and a last line about what was left out. Unless all
// of everything fits, every group gets its paths before any gets the beginnings of
// its diffs, and those before any gets all of them.
func (r Report) sections(room int) string {
	groups := r.folded()
	full := 0
	for _, g := range groups {
		full += size(g.forms[0])
	}
	const reserve = 2500 // for the last line
	left := room - reserve
	for i := range groups {
		g := &groups[i]
		if full <= room {
			g.form = 0
		} else if n := size(g.forms[2]); n <= left {
			g.form = 2
			left -= n
		}
	}
	for form := 1; form >= 0; form-- {
		for i := range groups {
			g := &groups[i]
			if g.form != form+1 {
				continue
			}
			if more := size(g.forms[form]) - size(g.forms[g.form]); more <= left {
				g.form = form
				left -= more
			}
		}
	}
	var b strings.Builder
	for _, g := range groups {
		if g.form < len(g.forms) {
			b.WriteString(g.forms[g.form])
		}
	}
	return b.String() + r.omitted(groups)
}

// folded returns all groups with their forms. What fails stands open while that is
// little, as does what stands alone.
func (r Report) folded() []shown {
	groups := grouped(r.Parts)
	folded := make([]shown, len(groups))
	failing := 0
	for i, j := range byRank(groups) {
		g := groups[j]
		if g.rank == 0 {
			failing++
		}
		open := len(groups) == 1 || g.rank == 0 && failing <= 3
		folded[i] = shown{group: g, form: 3, forms: [3]string{
			g.fold(g.body(inComment), open),
			g.fold(g.body(begun), open),
			g.fold(g.outline(begun), open),
		}}
	}
	return folded
}

// omitted says what the comment leaves out and where that is; nothing when it
// leaves out nothing.
func (r Report) omitted(groups []shown) string {
	texts := [...]string{1: "only the beginning of each diff", 2: "only the paths of what changes", 3: "only its line or its count in the table"}
	var words, checks []string
	var example *render.Target
	for form := len(texts) - 1; form > 0; form-- {
		n := 0
		for i := range groups {
			if groups[i].form != form {
				continue
			}
			n += len(groups[i].parts)
			example = &groups[i].parts[0].Target
			for _, p := range groups[i].parts {
				if name := checkOf(p); !slices.Contains(checks, name) {
					checks = append(checks, name)
				}
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("of %s %s", plural(n, "target"), texts[form]))
		}
	}
	if example == nil {
		return ""
	}
	line := r.command(example)
	if size(line) > 600 {
		line = r.command(nil)
	}
	return fmt.Sprintf("\n**Left out for its size:** %s %s shown. All of it is in the %s %s; one target is printed by %s.\n",
		strings.Join(words, ", "), agree(len(words), "is", "are"), agree(len(checks), "check", "checks"), some(checks, 5), code(line))
}

// checkName is the name of an environment's check.
func checkName(e render.Environment) string {
	if e == "" {
		return GateName + " / " + "targets"
	}
	return GateName + " / " + string(e)
}
