package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
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
	if len(files.kustomizations) == 0 {
		return &view.Problem{File: dir, Message: "has no kustomization", Hint: "add a kustomization.yaml"}
	}
	for _, k := range files.kustomizations {
		if problem := missing(v, k); problem != nil {
			return problem
		}
	}
	text := redact(plainWords(err.Error()), files.secrets)
	file, line := blame(files, err.Error())
	return &view.Problem{File: file, Line: line, Message: "kustomize cannot build it: " + shorten(text)}
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
	aside     = regexp.MustCompile(`(accumulation err='(?:[^']|'[^:])*': |accumulating (?:resources|components): |recursed (?:accumulation of|merging from) path '[^']*': )`)
	config    = regexp.MustCompile("(?s)(trouble configuring builtin \\w+) with config: `.*`: ")
	yamlLine  = regexp.MustCompile(`\bline (\d+)(?:, column \d+)?: `)
	treeFiles = regexp.MustCompile(`(?:/\.tree/)([^\s'":]+)`)
)

// plainWords strips kustomize's message of its trail and of whole configurations.
func plainWords(text string) string {
	text = config.ReplaceAllString(text, "$1: ")
	text = aside.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, root+"/", "")
	return strings.ReplaceAll(text, root, ".")
}

// blame names the file that the error speaks of: the last kustomization that is
// an ancestor in the text, else the top one.
func blame(files *fileSystem, text string) (string, int) {
	file := files.root
	for _, match := range treeFiles.FindAllStringSubmatch(text, -1) {
		for _, k := range files.kustomizations {
			if path.Dir(k.name) == match[1] {
				file = k.name
			}
		}
	}
	return file, 0
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

// minSecret is how long a line's value must be to be blanked; shorter ones are
// parts of ordinary words.
const minSecret = 3

// redact blanks in text whatever the files that hold secrets, read as lines, give
// as a value: after a colon, after an equals sign, or as a whole line.
func redact(text string, secrets [][]byte) string {
	for _, content := range secrets {
		for _, line := range strings.Split(string(content), "\n") {
			for _, value := range lineValues(line) {
				if len(value) >= minSecret && !ordinary[value] {
					text = strings.ReplaceAll(text, value, "***")
				}
			}
		}
	}
	return text
}

func lineValues(line string) []string {
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))
	values := []string{}
	if key, value, ok := strings.Cut(line, ":"); ok {
		if key == "kind" || key == "apiVersion" || key == "name" || key == "namespace" || key == "path" {
			return nil
		}
		values = append(values, strings.Trim(strings.TrimSpace(value), `"'`))
	}
	if _, value, ok := strings.Cut(line, "="); ok {
		values = append(values, strings.Trim(value, `"'`))
	}
	if !strings.Contains(line, " ") && !strings.HasSuffix(line, ":") && !strings.HasSuffix(line, ".yaml") {
		values = append(values, strings.Trim(line, `"'`))
	}
	return values
}

var ordinary = map[string]bool{"Secret": true, "Opaque": true, "true": true, "false": true, "null": true, "---": true}
