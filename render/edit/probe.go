package edit

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/render"
)

// markPrefix starts the tag that a candidate is marked with.
const markPrefix = "slipway-mark-"

// mark returns the splices that make a candidate set the mark of its number as tag.
func (c *candidate) mark(number int) ([]splice, bool) {
	mark := Reference{Tag: markPrefix + strconv.Itoa(number)}
	if c.scalar != nil && !c.tag {
		mark.Name = ParseReference(value(c.scalar)).Name
	}
	return c.set(Reference{Name: mark.Name}, mark)
}

// probe finds which candidate sets each image: the one whose mark it gets when all
// are marked and the tree is rendered. Images that no candidate sets are missing
// from the result.
func (j *job) probe(ctx context.Context) (map[place]*candidate, *render.Problem, error) {
	var all []*candidate
	var edits []FileEdit
	for _, f := range j.files {
		var splices []splice
		for _, c := range f.candidates {
			marks, _ := c.mark(len(all)) // those that cannot be marked are no candidates
			splices = append(splices, marks...)
			all = append(all, c)
		}
		if len(splices) > 0 {
			edits = append(edits, FileEdit{f.path, spliced(f.source.content, splices)})
		}
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	marked, err := j.engine.Render(ctx, Overlay(j.tree, edits), j.target)
	if err != nil {
		return nil, nil, fmt.Errorf("render with marks: %w", err)
	}
	if marked.Problem != nil {
		return nil, &render.Problem{File: marked.Problem.File, Line: marked.Problem.Line,
			Message: "where the images come from cannot be found out: with other tags this does not render: " + marked.Problem.Message,
			Hint:    "change the images by hand"}, nil
	}
	governed := map[place]*candidate{}
	for _, image := range ImagesOf(marked) {
		digits, isMark := strings.CutPrefix(image.Reference.Tag, markPrefix)
		number, err := strconv.Atoi(digits)
		if isMark && err == nil && number < len(all) {
			governed[image.place()] = all[number]
		}
	}
	return governed, nil, nil
}

// decide gives each candidate, or a new entry of the target's own kustomization,
// what it has to set.
func (j *job) decide(governed map[place]*candidate) *render.Problem {
	wanted := map[place]Reference{}
	for _, image := range j.wanted {
		wanted[image.place()] = image.Reference
	}
	images := ImagesOf(j.before)
	decided := map[*candidate]bool{}
	added := map[string]bool{}
	for _, image := range images {
		want, differs := wanted[image.place()]
		if !differs {
			continue
		}
		c := governed[image.place()]
		if c != nil && decided[c] || c == nil && added[image.Reference.Name] {
			continue
		}
		var together []Image
		for _, other := range images {
			if c != nil && governed[other.place()] == c || c == nil && governed[other.place()] == nil && other.Reference.Name == image.Reference.Name {
				together = append(together, other)
			}
		}
		if problem := j.agree(c, image, together, wanted); problem != nil {
			return problem
		}
		var problem *render.Problem
		if c != nil {
			decided[c], problem = true, j.change(c, image.Reference, want)
		} else {
			added[image.Reference.Name], problem = true, j.addEntry(image, want)
		}
		if problem != nil {
			return problem
		}
	}
	return nil
}

// agree checks that all images that one place sets are to become the same.
func (j *job) agree(c *candidate, image Image, together []Image, wanted map[place]Reference) *render.Problem {
	for _, other := range together {
		if want, differs := wanted[other.place()]; differs && want == wanted[image.place()] || !differs && other.Reference == wanted[image.place()] {
			continue
		}
		message := fmt.Sprintf("%s and %s both have the image %s, and are to become different", describe(image), describe(other), image.Reference.Name)
		if _, differs := wanted[other.place()]; !differs {
			message = fmt.Sprintf("%s and %s both have the image %s, and only the first is to change", describe(image), describe(other), image.Reference.Name)
		}
		file, line := j.target.Path, 0
		if c != nil {
			message = fmt.Sprintf("%s sets the image of %s and of %s, and they are to become different", c.what(), describe(image), describe(other))
			file, line = c.file.path, c.line
		}
		return &render.Problem{File: file, Line: line, Message: message, Hint: "an entry of images sets every container that has its name: set these images one by one, in the workload or by patches"}
	}
	return nil
}

func (c *candidate) what() string {
	if c.entry != nil {
		return "one entry of images"
	}
	return "one line"
}

func describe(image Image) string {
	return fmt.Sprintf("%s, container %s", image.Object, image.Container)
}

// change makes a candidate set what is wanted.
func (j *job) change(c *candidate, now, want Reference) *render.Problem {
	splices, ok := c.set(now, want)
	if !ok {
		return &render.Problem{File: c.file.path, Line: c.line, Message: "the image is written in a way that cannot be edited", Hint: "write name, newTag and digest on lines of their own"}
	}
	c.file.splices = append(c.file.splices, splices...)
	return nil
}

// addEntry adds an entry to the images of the target's own kustomization, for an
// image that comes from files that others read too.
func (j *job) addEntry(image Image, want Reference) *render.Problem {
	for _, f := range j.files {
		if f.root == nil || path.Dir(f.path) != j.target.Path {
			continue
		}
		if want.Tag == "" && want.Digest == "" && image.Reference != (Reference{Name: image.Reference.Name}) {
			return &render.Problem{File: f.path, Message: fmt.Sprintf("the image of %s has a tag or digest from a file that others read too, and cannot be left without one here", describe(image)), Hint: "give the image a tag where it comes from"}
		}
		f.added = append(f.added, newEntry(image.Reference, want))
		if _, ok := f.add(f.added); !ok {
			return &render.Problem{File: f.path, Message: fmt.Sprintf("an entry for %s cannot be added to images as they are written", image.Reference.Name), Hint: "write images as a list, an entry below the other"}
		}
		return nil
	}
	for _, name := range kustomizations {
		file := path.Join(j.target.Path, name)
		if _, there := j.tree.Stat(file); there && !j.own(j.target, file) {
			return &render.Problem{File: file, Message: fmt.Sprintf("the image of %s is set where %s reads it too, so that both would change", describe(image), j.other(file)),
				Hint: "set the image in a kustomization that this target alone reads"}
		}
	}
	return &render.Problem{File: j.target.Path, Message: fmt.Sprintf("the image of %s is in no file that can be edited for this target alone", describe(image)),
		Hint: "set the image in a file that this target alone reads"}
}

// other is the directory of another target that reads a file.
func (j *job) other(file string) string {
	for _, reader := range j.readers[file] {
		if reader != j.target.Path {
			return reader
		}
	}
	return ""
}

// edited is the file's content with what was decided; changed is false where that
// is nothing.
func (f *file) edited() (content []byte, changed bool) {
	splices := f.splices
	if len(f.added) > 0 {
		// Last, since an entry above may get a line at the same place.
		added, _ := f.add(f.added) // found to be possible before
		splices = append(slices.Clone(splices), added)
	}
	if len(splices) == 0 {
		return nil, false
	}
	return spliced(f.source.content, splices), true
}
