package config

import (
	"bytes"
	"encoding/json"
	"path"

	check "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/slipwayhq/slipway/render"
)

// Parse reads the content of a configuration file; file is its path, for the
// problems. It reports every problem at once, in the order of their lines. With
// any problem the Config is the zero one: half a configuration must not be used.
func Parse(file string, content []byte) (Config, []render.Problem) {
	problems := &problems{file: file}
	document, ok := read(content, problems)
	if !ok {
		return Config{}, problems.sorted()
	}
	data := document.json(nil)
	if document.over() {
		return Config{}, problems.sorted()
	}
	invalid := validate(document, data, problems)

	config := defaults()
	if len(invalid) > 0 { // what is sound is still checked: one round for the writer, not two
		data = document.json(invalid)
	}
	if err := json.Unmarshal(data, &config); err != nil {
		problems.add(0, "the file cannot be read as settings: "+err.Error(), "")
		return Config{}, problems.sorted()
	}
	checker{config: &config, document: document, problems: problems}.all()
	if len(problems.all) > 0 {
		return Config{}, problems.sorted()
	}
	config.Policies.Path = path.Clean(config.Policies.Path)
	for i, layout := range config.Layout {
		config.Layout[i] = path.Clean(layout)
	}
	return config, nil
}

// validate checks data against the schema and returns the places of what breaks it.
func validate(document *document, data []byte, problems *problems) map[pointer]bool {
	instance, err := check.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		problems.add(0, "the file cannot be read as settings: "+err.Error(), "")
		return nil
	}
	invalid := make(map[pointer]bool)
	if violation, ok := generated().compiled.Validate(instance).(*check.ValidationError); ok {
		v := violations{document: document, problems: problems, invalid: invalid}
		v.walk(violation)
	}
	return invalid
}
