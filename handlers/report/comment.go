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
//   - Equal reports give equal bytes: no times, no durations, no counters.

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
var brevities = []brevity{{300, 100, 600}, {60, 30, 400}, {20, 10, 200}, {6, 3, 100}}

// inComment is how much of an object the comment shows at most.
var inComment = detail{width: 240, lines: 150, size: MaxComment, notes: 10}

// Comment returns a report as one Markdown comment of at most MaxComment
// characters. What does not fit is counted, with the place where it is.
func Comment(r Report) string {
	top, bottom := r.frame()
	room := MaxComment - size(top) - size(bottom) - len(Marker) - 1
	return Marker + "\n" + top + strings.Join(r.sections(room), "") + bottom
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
	if r.Outsider {
		s.WriteString("A collaborator must allow this commit before a cluster is asked: it comes from outside the repository.\n\n")
	}
	s.WriteString(r.conflicts(b))
	s.WriteString(r.problems(b))
	if len(r.Notices) > 0 {
		notices := make([]string, len(r.Notices))
		for i, n := range r.Notices {
			notices[i] = "ℹ️ " + sentence(brief(n, b.notes))
		}
		s.WriteString(list(notices, b.items, "notice"))
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
	items := make([]string, len(r.Conflicts))
	for i, path := range r.Conflicts {
		items[i] = code(short(path, b.notes))
	}
	base := quote(r.BaseRef)
	lines := []string{"git fetch origin", "git merge " + quote("origin/"+r.BaseRef) + "    # then mend the files named above", "git commit --all", "git push"}
	if r.HeadRef != "" && r.HeadRef[0] != '-' {
		lines = slices.Insert(lines, 1, "git switch "+quote(r.HeadRef))
	}
	for i := range lines {
		lines[i] = fenced(lines[i])
	}
	return fmt.Sprintf("This pull request does not merge into %s. Until it does there is nothing to plan. In conflict:\n\n%sTo resolve it on the pull request's branch:\n\n%s\n",
		code(strings.Trim(base, "'")), list(items, b.items, "file"), fence("sh", lines))
}

// problems lists what is wrong with the configuration or the policies.
func (r Report) problems(b brevity) string {
	if len(r.Problems) == 0 {
		return ""
	}
	items := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		p.Message, p.Hint = brief(p.Message, b.notes), brief(p.Hint, b.notes)
		items[i] = "❌ " + problemNote(p)
	}
	return list(items, b.items, "problem")
}

// list returns a list of at most most items, the others counted.
func list(items []string, most int, noun string) string {
	left := len(items) - most
	if left > 0 {
		items = append(slices.Clone(items[:most]), plural(left, "more "+noun)+" not listed here")
	}
	return "- " + strings.Join(items, "\n- ") + "\n\n"
}

// bottom returns the files that no target reads, and the line in small.
func (r Report) bottom(b brevity) string {
	var s strings.Builder
	if n := len(r.Unclaimed); n > 0 {
		items := make([]string, n)
		for i, path := range r.Unclaimed {
			items[i] = code(short(path, 300))
		}
		open := ""
		if n <= 3 {
			open = " open"
		}
		fmt.Fprintf(&s, "<details%s><summary>%s that no target reads</summary>\n\n%s</details>\n", open, plural(n, "changed file"), list(items, b.items, "file"))
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
	if r.BaseRef != "" {
		compared += " (" + code(short(r.BaseRef, 100)) + ")"
	}
	words = append(words, compared+".", "Again: re-run the check "+code(GateName)+", or "+code(r.command(nil))+".")
	if link := pageLink(r.DetailsURL); link != "" {
		words = append(words, link)
	}
	return "<sub>" + strings.Join(append(words, "Nothing was applied."), " ") + "</sub>\n"
}

// sections returns the groups' folded blocks, as much of each as room allows, and
// a last line about what was left out. Every group gets its outline before any
// gets its diffs, unless all of everything fits.
func (r Report) sections(room int) []string {
	groups := grouped(r.Parts)
	shown := make([]string, len(groups))
	const reserve = 2500 // for the last line
	left := room - reserve
	open := len(groups) == 1
	full := make([]string, len(groups))
	sum := 0
	for i, g := range groups {
		full[i] = g.fold(g.body(inComment), open)
		sum += size(full[i])
	}
	if sum <= left {
		return append(full, "\n")
	}
	for _, i := range byRank(groups) {
		outline := groups[i].fold(groups[i].outline(inComment), open)
		if size(outline) <= left {
			shown[i] = outline
			left -= size(outline)
		}
	}
	var short, missing []group
	for _, i := range byRank(groups) {
		switch more := size(full[i]) - size(shown[i]); {
		case more <= left:
			shown[i] = full[i]
			left -= more
		case shown[i] != "":
			short = append(short, groups[i])
		default:
			missing = append(missing, groups[i])
		}
	}
	return append(shown, r.omitted(short, missing))
}

// omitted says what the comment leaves out and where that is.
func (r Report) omitted(outlined, missing []group) string {
	var words []string
	if n := targetsOf(outlined); n > 0 {
		words = append(words, "only the paths of what changes are shown of "+plural(n, "target"))
	}
	if n := targetsOf(missing); n > 0 {
		words = append(words, "only the table's line of "+plural(n, "target"))
	}
	all := append(slices.Clone(outlined), missing...)
	var names []string
	for _, g := range all {
		for _, p := range g.parts {
			name := code(short(checkName(p.Target.Environment), 100))
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	example := all[0].first().Target
	line := r.command(&example)
	if size(line) > 600 {
		line = r.command(nil)
	}
	return fmt.Sprintf("\n**Left out for its size:** %s. All of it is in the %s %s; one target is printed by %s.\n\n",
		strings.Join(words, "; "), agree(len(names), "check", "checks"), some(names, 5), code(line))
}

func targetsOf(groups []group) int {
	n := 0
	for _, g := range groups {
		n += len(g.parts)
	}
	return n
}

// checkName is the name of an environment's check.
func checkName(e render.Environment) string {
	if e == "" {
		return GateName + " / " + "targets"
	}
	return GateName + " / " + string(e)
}
