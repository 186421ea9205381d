package kustomize

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// minSecret is how long a value must be to be blanked, in bytes; shorter ones are
// parts of ordinary words.
const minSecret = 3

// redact blanks in text whatever the files read keep secret: values of Secrets,
// what secret generators are given, values of patches. What does not parse is
// taken line by line.
func redact(text string, reads []read) string {
	sources := secretSources(reads)
	var values []string
	for _, r := range reads {
		switch {
		case sources[r.name], !r.isKustomization() && !bytes.Contains(r.content, []byte("kind")):
			values = append(values, lineValues(r.content)...)
		default:
			values = append(values, secretValues(r.content)...)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, value := range values {
		if len(value) >= minSecret {
			text = strings.ReplaceAll(text, value, "***")
		}
	}
	return text
}

// secretSources are the files that secret generators load.
func secretSources(reads []read) map[string]bool {
	sourceFiles := map[string]bool{}
	for _, r := range reads {
		if !r.isKustomization() {
			continue
		}
		_, k, err := parse(r.name, r.content)
		if err != nil {
			continue
		}
		for _, generator := range k.SecretGenerator {
			for _, source := range sources(generator.KvPairSources) {
				sourceFiles[path.Join(path.Dir(r.name), source)] = true
			}
		}
	}
	return sourceFiles
}

// secretValues are the secret texts in YAML documents, plain and in base64.
func secretValues(content []byte) []string {
	var values []string
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			if bytes.Contains(content, []byte("Secret")) || bytes.Contains(content, []byte("secret")) {
				values = append(values, lineValues(content)...)
			}
			return values
		}
		values = append(values, secretInside(document, false)...)
	}
}

// secretInside are the texts in value; all of them where it is secret itself.
func secretInside(value any, secret bool) []string {
	var values []string
	switch value := value.(type) {
	case string:
		if secret {
			values = append(values, forms(value)...)
		} else if strings.Contains(value, "\n") || strings.ContainsAny(value, "{[") {
			values = append(values, secretValues([]byte(value))...) // an inline patch
		}
	case []any:
		for _, inner := range value {
			values = append(values, secretInside(inner, secret)...)
		}
	case map[string]any:
		_, isPatch := value["op"]
		for key, inner := range value {
			field := secret || key == "literals" || key == "secretGenerator" && !isMappings(inner) || isPatch && key == "value" ||
				value["kind"] == "Secret" && (key == "data" || key == "stringData")
			values = append(values, secretInside(inner, field)...)
		}
	}
	return values
}

func isMappings(value any) bool {
	list, ok := value.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool { _, ok := item.(map[string]any); return !ok })
}

// forms are a text as it is, after an equals sign, line by line, and decoded.
func forms(value string) []string {
	all := append(lineValues([]byte(value)), value, base64.StdEncoding.EncodeToString([]byte(value)))
	if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
		all = append(all, string(decoded))
	}
	return all
}

// lineValues are what stands in lines after a colon, after an equals sign, and
// whole lines; not what names an object.
func lineValues(content []byte) []string {
	var values []string
	add := func(value string) {
		value = strings.Trim(strings.TrimSpace(value), "\"'`,]}")
		values = append(values, value, strings.TrimLeft(value, "*&!|>"))
	}
	for _, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))
		if key, value, ok := strings.Cut(line, ":"); ok {
			if slices.Contains([]string{"kind", "apiVersion", "metadata", "name", "namespace", "type", "path"}, key) {
				continue
			}
			add(value)
			if key, _, ok := strings.Cut(strings.TrimSpace(value), ":"); ok {
				add(key)
			}
		}
		if _, value, ok := strings.Cut(line, "="); ok {
			add(value)
		}
		if !strings.HasSuffix(line, ":") {
			add(line)
		}
	}
	return values
}
