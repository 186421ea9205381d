package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/render"
)

// A PromotionReport is what a promotion's pull request says.
type PromotionReport struct {
	From, To render.Environment
	// Application is whose pull request this is; empty for one that carries
	// whatever the environments have.
	Application render.Application
	// Carried are the applications of which something changes, sorted.
	Carried []CarriedApplication
	// Askers are those who asked; the first counts as the author.
	Askers []Asker
	// RepositoryURL is the repository's page, e.g. https://github.com/acme/shop;
	// without it there are no links to commits.
	RepositoryURL string
}

// An Asker is somebody who asked for a promotion.
type Asker struct {
	Login string `json:"login"`
	At    string `json:"at,omitempty"` // the comment's page; empty from a terminal
}

// A CarriedApplication is what a promotion changes of one application.
type CarriedApplication struct {
	Application render.Application
	Commit      render.Commit // what is deployed at the source
	// HealthySince is when that became healthy there (UTC); zero where the
	// promotion does not ask for it.
	HealthySince time.Time
	Images       []CarriedImage
	Files        []string // that are edited, sorted
	// NotCarried are other differences between the two environments that stay,
	// as fields of objects, sorted.
	NotCarried []string
}

// A CarriedImage is one image before and after.
type CarriedImage struct {
	Containers []string // Deployment web/web: container web
	Old, New   string   // whole references: ghcr.io/acme/web:1.4.1@sha256:…
}

// PromotionMarker returns the first line of the pull request's body, in ASCII. No
// application stands for the pull request of all.
func PromotionMarker(from, to render.Environment, application render.Application) string {
	word := "*"
	if application != "" {
		word = markerWord(string(application))
	}
	return "<!-- slipway:promotion " + markerWord(string(from)) + "->" + markerWord(string(to)) + " " + word + " -->"
}

// Promotion returns title and body of a promotion's pull request. The title has at
// most 256 characters and, since it may become a commit's subject, nothing that
// GitHub makes a mention or a reference of; the body has at most MaxComment.
func Promotion(p PromotionReport) (title, body string) {
	for _, b := range brevities {
		body = p.body(b)
		if size(body) <= MaxComment {
			break
		}
	}
	return p.title(), body
}

func (p PromotionReport) title() string {
	from, to := title(string(p.From)), title(string(p.To))
	if len(p.Carried) != 1 {
		return fmt.Sprintf("Promote %s from %s to %s", plural(len(p.Carried), "application"), from, to)
	}
	what := title(string(p.Carried[0].Application))
	if what == "" {
		what = plural(len(p.Carried[0].Images), "image")
	}
	if version, only := p.Carried[0].version(); only {
		what += " " + title(version)
	}
	return fmt.Sprintf("Promote %s from %s to %s", what, from, to)
}

// version returns the tag that all carried images have.
func (c CarriedApplication) version() (tag string, only bool) {
	for i, image := range c.Images {
		t := parseImage(image.New).tag
		if t == "" || i > 0 && t != tag {
			return "", false
		}
		tag = t
	}
	return tag, tag != ""
}

func (p PromotionReport) body(b brevity) string {
	var s strings.Builder
	s.WriteString(PromotionMarker(p.From, p.To, p.Application) + "\n")
	images := 0
	for _, c := range p.Carried {
		images += len(c.Images)
	}
	of := plural(len(p.Carried), "application")
	if len(p.Carried) == 1 && p.Carried[0].Application != "" {
		of = code(orAll(p.Carried[0].Application))
	}
	fmt.Fprintf(&s, "Carries %s of %s from %s to %s, and nothing else.\n\n", plural(images, "image"), of, environment(p.From), environment(p.To))
	s.WriteString(p.table(b))
	s.WriteString(p.sources(b))
	s.WriteString(p.asked())
	s.WriteString(p.where(b))
	s.WriteString(p.notCarried(b))
	s.WriteString("\n<sub>The plan of this pull request says what merging it does. When a person pushes to its branch, it is theirs: Slipway does not change it any more.</sub>\n")
	return s.String()
}

func environment(e render.Environment) string { return code(short(string(e), 60)) }

// table has a row for each image that changes.
func (p PromotionReport) table(b brevity) string {
	var s strings.Builder
	fmt.Fprintf(&s, "| application | image | %s now | from %s |\n|:--|:--|:--|:--|\n", cell(short(string(p.To), 60)), cell(short(string(p.From), 60)))
	n, total := 0, 0
	for _, c := range p.Carried {
		total += len(c.Images)
	}
	for _, c := range p.Carried {
		for _, image := range c.Images {
			if n++; n > b.rows {
				continue
			}
			before, now := parseImage(image.Old), parseImage(image.New)
			name, was, is := now.name, before.version(), now.version()
			if before.name != now.name || was == is { // what differs is not the version, or not what is shown of it
				was, is = image.Old, image.New
			}
			fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", cell(orAll(c.Application)), cell(short(name, 150)), versionCell(was), versionCell(is))
		}
	}
	if total > b.rows {
		fmt.Fprintf(&s, "| **%s** | | | |\n", plural(total-b.rows, "more image"))
	}
	return s.String() + "\n"
}

func versionCell(version string) string {
	if version == "" {
		return "no tag"
	}
	return cell(short(version, 150))
}

func orAll(a render.Application) string {
	if a == "" {
		return "(no name)"
	}
	return short(string(a), 60)
}

// sources says since when what is carried has been healthy, and at which commit.
func (p PromotionReport) sources(b brevity) string {
	return list(p.Carried, b.rows, "application", func(c CarriedApplication) string {
		commit := code(c.Commit.Short())
		if link := commitLink(p.RepositoryURL, c.Commit); link != "" {
			commit = link
		}
		what := code(orAll(c.Application)) + " "
		if c.HealthySince.IsZero() {
			return what + "is deployed in " + environment(p.From) + " at " + commit
		}
		return fmt.Sprintf("%shas been healthy in %s since %s, at %s", what, environment(p.From), moment(c.HealthySince), commit)
	})
}

// commitLink links a commit; empty where that cannot be.
func commitLink(repositoryURL string, c render.Commit) string {
	for _, digit := range c {
		if !strings.ContainsRune("0123456789abcdef", digit) {
			return ""
		}
	}
	if repositoryURL == "" || c == "" {
		return ""
	}
	link := namedLink(c.Short(), strings.TrimSuffix(repositoryURL, "/")+"/commit/"+string(c))
	if size(link) > 500 {
		return ""
	}
	return link
}

// asked says who asked, and where.
func (p PromotionReport) asked() string {
	if len(p.Askers) == 0 || p.Askers[0].Login == "" {
		return ""
	}
	const most = 20
	text := "Asked for by " + p.Askers[0].print() + ", who counts as the author"
	var others []string
	for _, a := range p.Askers[1:min(len(p.Askers), most)] {
		others = append(others, a.print())
	}
	if len(others) > 0 {
		text += "; also asked for by " + strings.Join(others, ", ")
	}
	return text + ".\n\n"
}

func (a Asker) print() string {
	who := code(short(a.Login, 60))
	if link := namedLink("in a comment", a.At); link != "" && size(link) < 1000 {
		who += " " + link
	}
	return who
}

// where names, folded, the containers and the files.
func (p PromotionReport) where(b brevity) string {
	var lines []string
	for _, c := range p.Carried {
		for _, image := range c.Images {
			for _, container := range image.Containers {
				lines = append(lines, code(short(container, 200)))
			}
		}
		for _, file := range c.Files {
			lines = append(lines, "edited: "+pathItem(file))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return "<details><summary>Containers and files</summary>\n\n" + list(lines, b.items, "line", func(l string) string { return l }) + "</details>\n"
}

// notCarried names, folded, what else differs between the environments.
func (p PromotionReport) notCarried(b brevity) string {
	var lines []string
	for _, c := range p.Carried {
		for _, field := range c.NotCarried {
			lines = append(lines, code(orAll(c.Application))+" "+sentence(brief(field, 200)))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("<details><summary>Not carried: %s between the two environments %s</summary>\n\n", plural(len(lines), "other difference"), agree(len(lines), "stays", "stay")) +
		list(lines, b.items, "field", func(l string) string { return l }) + "</details>\n"
}

// An imageReference is one in its parts.
type imageReference struct{ name, tag, digest string }

// parseImage takes a reference apart; it is for printing, and takes what it cannot
// understand as a name.
func parseImage(s string) imageReference {
	var image imageReference
	s, image.digest, _ = strings.Cut(s, "@")
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		s, image.tag = s[:i], s[i+1:]
	}
	image.name = s
	return image
}

// version prints the tag, and of the digest what tells it from others; empty where
// there is neither.
func (i imageReference) version() string {
	digest := i.digest
	if algorithm, digits, ok := strings.Cut(digest, ":"); ok && len(digits) > 12 {
		digest = algorithm + ":" + digits[:12] + "…"
	}
	switch {
	case digest == "":
		return i.tag
	case i.tag == "":
		return digest
	default:
		return i.tag + " " + digest
	}
}
