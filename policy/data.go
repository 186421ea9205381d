package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"gopkg.in/yaml.v3"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/slipwayhq/slipway/render"
)

// documents merges the data files: each is a mapping, and its keys stand under
// data, whatever the file's name or directory. No key may come twice.
func documents(files map[string][]byte) (map[string]any, []render.Problem) {
	data := make(map[string]any)
	from := make(map[string]string)
	var problems []render.Problem
	for _, file := range sortedKeys(files) {
		if !isData(file) {
			continue
		}
		document, problem := readDocument(file, files[file])
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		for _, key := range sortedKeys(document) {
			if earlier, twice := from[key]; twice {
				problems = append(problems, render.Problem{
					File: file, Message: fmt.Sprintf("the key %q is also in %s", key, earlier), Hint: "keep one of them; all data files share one mapping",
				})
				continue
			}
			from[key] = file
			data[key] = document[key]
		}
	}
	return data, problems
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

func readDocument(file string, content []byte) (map[string]any, *render.Problem) {
	problem := &render.Problem{File: file, Hint: "a data file is one mapping in YAML or JSON; put what is no data into a directory called testdata"}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err := decoder.Decode(&second); err == nil {
		problem.Line, problem.Message = second.Line, "the data file has a second document"
		return nil, problem
	}
	text, err := k8syaml.YAMLToJSONStrict(content)
	if err != nil {
		problem.Message = "the data file cannot be read: " + oneLine(strings.TrimPrefix(err.Error(), "yaml: "))
		if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
			problem.Line, _ = strconv.Atoi(match[1]) // digits by the pattern
		}
		return nil, problem
	}
	var document map[string]any
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&document); err != nil {
		problem.Line, problem.Message = 1, "the data file is not a mapping"
		return nil, problem
	}
	return document, nil
}

// clashes reports data that a package would hide.
func clashes(modules map[string]*ast.Module, data map[string]any) []render.Problem {
	var problems []render.Problem
	for _, file := range sortedKeys(modules) {
		module := modules[file]
		if len(module.Package.Path) < 2 {
			continue
		}
		top, _ := module.Package.Path[1].Value.(ast.String)
		if _, hidden := data[string(top)]; hidden {
			problems = append(problems, render.Problem{
				File: file, Line: module.Package.Loc().Row, Message: fmt.Sprintf("the package %s and a data file both have data.%s", packageName(module), string(top)),
				Hint: "give the data's key another name",
			})
		}
	}
	return problems
}
