package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// explain turns the error of a build into a problem: one that was recorded, a
// path that leads nowhere, or else kustomize's own words, made short and free of
// what the files keep secret.
func explain(v *view.View, files *fileSystem, dir string, err error) error {
	if failure := v.Failure(); failure != nil {
		return failure
	}
	if problem := v.Problem(); problem != nil {
		return problem
	}
	var problem *view.Problem
	if errors.As(err, &problem) {
		return problem
	}
	if !slices.ContainsFunc(files.reads, read.isKustomization) {
		return &view.Problem{File: dir, Message: "has no kustomization", Hint: "add a kustomization.yaml"}
	}
	for _, r := range files.reads {
		if problem := missing(v, r); r.isKustomization() && problem != nil {
			return problem
		}
	}
	return complaint(files, err.Error())
}

// complaint passes on kustomize's own words about the file that they concern.
func complaint(files *fileSystem, text string) *view.Problem {
	words := plainWords(text)
	problem := &view.Problem{File: blame(files, text)}
	if match := malformed.FindStringSubmatch(words); match != nil {
		last := files.reads[len(files.reads)-1]
		problem.File = last.name // it stops at the first that does not parse
		problem.Line, words = yamlError(errors.New(match[1]))
		problem.Message = "is not YAML: " + redact(words, files.reads)
		return problem
	}
	if strings.HasPrefix(words, "missing metadata") || strings.HasPrefix(words, "may not add resource") {
		problem.File = files.reads[len(files.reads)-1].name
	}
	words, _, _ = strings.Cut(words, " in object {")
	words, _, _ = strings.Cut(words, "\n\n****") // whole objects follow
	problem.Message = "kustomize cannot build it: " + shorten(redact(words, files.reads))
	return problem
}

// missing finds a path in a kustomization that leads nowhere.
func missing(v *view.View, k read) *view.Problem {
	_, kustomization, err := parse(k.name, k.content)
	if err != nil {
		return nil // reported already
	}
	for _, reference := range references(kustomization) {
		name := reference.value
		if name == "" || strings.ContainsAny(name, "\n{:=") || strings.HasPrefix(reference.field, "openapi.v") {
			continue
		}
		target := path.Join(path.Dir(k.name), name)
		entry, err := v.Resolve(target)
		if errors.Is(err, fs.ErrNotExist) {
			return &view.Problem{File: k.name, Line: lineOf(k.content, name), Message: fmt.Sprintf("%s names %s, but there is no %s in the repository", reference.field, name, target), Hint: "correct the path, or commit the file"}
		}
		directory := err == nil && entry.Mode == view.Directory
		if directory && !hasKustomization(v, entry.Path) {
			return &view.Problem{File: k.name, Line: lineOf(k.content, name), Message: fmt.Sprintf("%s names the directory %s, which has no kustomization", reference.field, name), Hint: "add a kustomization.yaml there, or name its files"}
		}
	}
	return nil
}

func hasKustomization(v *view.View, dir string) bool {
	for _, base := range FileNames {
		if _, err := v.Resolve(path.Join(dir, base)); err == nil {
			return true
		}
	}
	return false
}

var (
	// A directory is tried as a file first; that it is none is no news.
	triedAsFile = regexp.MustCompile(`accumulation err='accumulating resources from '[^']*': \(directory\)': `)
	// And what does not parse as a file is tried as a directory.
	triedAsDir = regexp.MustCompile(`(?s)^.*accumulation err='(?:accumulating resources from '[^']*': )?(?:merging resources from '[^']*': )?(.*)': must build at directory: '[^']*': file is not directory$`)
	aside      = regexp.MustCompile(`accumulat(?:ing (?:resources|components)|eDirectory): |recursed (?:accumulation of|merging from) path '[^']*': |couldn't make target for path '[^']*': `)
	config     = regexp.MustCompile("(?s)(trouble configuring builtin \\w+) with config: `.*`: ")
	patchText  = regexp.MustCompile(`(?s) from \[(?:patch|path): .*\]`)
	byteList   = regexp.MustCompile(`\[\d+(?: \d+)*\]( has invalid utf8 bytes :.*)?`)
	malformed  = regexp.MustCompile(`(?s)^(?:accumulating resources from '[^']*': )?(?:MalformedYAMLError|trouble reading|.*MalformedYAMLError): (.*?)(?: in File: .*)?$`)
	yamlLine   = regexp.MustCompile(`\bline (\d+)(?:, column \d+)?: `)
	treeFiles  = regexp.MustCompile(`(?:/\.tree/)([^\s'":]+)`)
)

// plainWords strips kustomize's message of its trail and of whole contents.
func plainWords(text string) string {
	text = triedAsFile.ReplaceAllString(text, "")
	text = triedAsDir.ReplaceAllString(text, "$1")
	text = config.ReplaceAllString(text, "$1: ")
	text = patchText.ReplaceAllString(text, " from the patch")
	text = byteList.ReplaceAllString(text, "[…]")
	text = aside.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, root+"/", "")
	return strings.ReplaceAll(text, root, ".")
}

// blame names the file that a text speaks of: the kustomization of the last
// directory in it, else the top one.
func blame(files *fileSystem, text string) string {
	file := files.root
	for _, match := range treeFiles.FindAllStringSubmatch(text, -1) {
		for _, r := range files.reads {
			if r.isKustomization() && path.Dir(r.name) == match[1] {
				file = r.name
			}
		}
	}
	return file
}

// yamlError splits the line off a YAML parser's message.
func yamlError(err error) (int, string) {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: ")
	match := yamlLine.FindStringSubmatchIndex(text)
	if match == nil {
		return 0, shorten(text)
	}
	line, _ := strconv.Atoi(text[match[2]:match[3]]) // matched as digits
	return line, shorten(text[match[1]:])
}

// lineOf finds the line of the first scalar that is one of values; 0 where none is.
func lineOf(content []byte, values ...string) int {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil {
		return 0
	}
	var find func(node *yaml.Node) int
	find = func(node *yaml.Node) int {
		for _, value := range values {
			if node.Kind == yaml.ScalarNode && (node.Value == value || strings.HasSuffix(node.Value, "="+value)) {
				return node.Line
			}
		}
		for _, child := range node.Content {
			if line := find(child); line > 0 {
				return line
			}
		}
		return 0
	}
	return find(&document)
}

// maxMessage is how much of somebody else's text a message carries, in bytes.
const maxMessage = 400

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " …"
}
