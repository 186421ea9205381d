package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	yamlError     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// structural messages come from the library's parser, which counts lines from
	// zero; the rest come from its scanner, which counts from one.
	structural = regexp.MustCompile(`^did not find expected (key|'-'|',' or|node content|<)`)
)

// explain takes the line out of the YAML library's message.
func explain(err error, content []byte) (int, string) {
	match := yamlError.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	if match == nil {
		return 0, "the file is not YAML: " + err.Error()
	}
	line, _ := strconv.Atoi(match[1]) // absent is 0
	if structural.MatchString(match[2]) {
		line++
	}
	if anchor := unknownAnchor.FindStringSubmatch(match[2]); anchor != nil {
		before, _, _ := strings.Cut(string(content), "*"+anchor[1])
		return 1 + strings.Count(before, "\n"), fmt.Sprintf("the file is not YAML: the alias *%s names nothing above it", anchor[1])
	}
	return min(max(line, 1), 1+strings.Count(string(content), "\n")), "the file is not YAML: " + match[2]
}

// hintFor looks at the lines around the offending one for what people do most often.
func hintFor(line int, content []byte) string {
	lines := strings.Split(string(content), "\n")
	for _, n := range []int{line, line - 1, line + 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		text := lines[n-1]
		if indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]; strings.Contains(indent, "\t") {
			return fmt.Sprintf("indent line %d with spaces, not with tabs", n)
		}
		if before, _, found := strings.Cut(text, "{"+"environment}"); found && strings.Contains(before, "[") {
			return fmt.Sprintf("put the paths with braces on line %d in quotes", n)
		}
	}
	return "look at the indentation, colons and quotes around this line"
}
