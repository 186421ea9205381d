package report

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/slipwayhq/slipway/render"
)

// PromotionText returns what a promotion carries for a terminal: the diff of each
// file, then each image, old and new, and what is not carried, and why. diffs are
// unified, as [FileDiff] makes them.
func PromotionText(r PromotionReport, diffs []string, same []render.Target, problems []render.Problem, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	for _, diff := range diffs {
		for line := range strings.Lines(diff) {
			tint := map[byte]string{'+': green, '-': red, '@': cyan}[line[0]]
			fmt.Fprintln(&b, p.with(tint, visibleText(strings.TrimRight(line, "\r\n"))))
		}
		b.WriteString("\n")
	}
	images := 0
	for _, c := range r.Carried {
		fmt.Fprintf(&b, "%s  %s\n", p.with(bold, visible(string(c.Application))), carriedSince(c))
		for _, image := range c.Images {
			images++
			fmt.Fprintf(&b, "  %s → %s  %s\n", visible(image.Old), p.with(green, visible(image.New)), visible(strings.Join(image.Containers, ", ")))
		}
		for _, left := range c.NotCarried {
			fmt.Fprintf(&b, "  %s %s\n", p.with(yellow, "stays:"), visible(left))
		}
	}
	for _, target := range same {
		fmt.Fprintf(&b, "%s runs the images of %s already\n", visible(target.String()), visible(string(r.From)))
	}
	for _, problem := range problems {
		fmt.Fprintf(&b, "%s %s\n", p.with(red, "not carried:"), problemText(problem))
	}
	fmt.Fprintln(&b, p.with(bold, fmt.Sprintf("%s of %s from %s to %s", plural(images, "image"), plural(len(r.Carried), "application"), visible(string(r.From)), visible(string(r.To)))))
	return b.String()
}

// carriedSince says which commit of the source an application comes from.
func carriedSince(c CarriedApplication) string {
	text := "deployed at " + visible(c.Commit.Short())
	if at := moment(c.HealthySince); at != "" {
		text += ", healthy since " + at
	}
	return text
}

// FileDiff returns the unified diff of one file, in the form that git apply takes.
func FileDiff(path string, before, after []byte) string {
	return udiff.Unified("a/"+path, "b/"+path, string(before), string(after))
}
