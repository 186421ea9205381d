package policy

import (
	"fmt"
	"strings"
)

// collect turns what one rule gave, [values, exceptions], into verdicts.
func (e *evaluation) collect(rule rule, answer any) {
	pair, _ := answer.([]any)
	if len(pair) != 2 {
		e.broken(rule.name, rule.file, rule.line, "the rule gave a result of another shape")
		return
	}
	if excepted, _ := pair[1].([]any); len(excepted) > 0 {
		return
	}
	values, _ := pair[0].([]any)
	if rule.set {
		e.many(rule, values)
		return
	}
	for _, value := range values { // one where the rule is defined, else none
		if set, many := value.([]any); many {
			e.many(rule, set)
		} else {
			e.one(rule, value)
		}
	}
}

func (e *evaluation) many(rule rule, set []any) {
	for i, value := range set {
		if i == maxResults {
			e.add(rule, rule.level, fmt.Sprintf("and %d more of this rule for the same object", len(set)-maxResults), "", "")
			return
		}
		e.one(rule, value)
	}
}

// one turns a message, or an object with one, into a verdict. Further keys of the
// object are conftest's metadata, which says nothing to us.
func (e *evaluation) one(rule rule, value any) {
	switch value := value.(type) {
	case string:
		e.add(rule, rule.level, value, "", "")
	case map[string]any:
		message, ok := value["msg"].(string)
		if !ok {
			e.broken(rule.name, rule.file, rule.line, "the rule gave an object without a msg that is text")
			return
		}
		level := rule.level
		if wanted, given := value["level"]; given {
			text, _ := wanted.(string)
			if _, known := order[Level(text)]; !known {
				e.broken(rule.name, rule.file, rule.line, fmt.Sprintf("the rule gave the level %v, which is not one of deny, warn, info", wanted))
				return
			}
			level = Level(text)
		}
		hint, _ := value["hint"].(string)
		field, _ := value["field"].(string)
		e.add(rule, level, message, hint, field)
	default:
		e.broken(rule.name, rule.file, rule.line, fmt.Sprintf("the rule gave %v, which is neither a message nor an object with msg", value))
	}
}

func (e *evaluation) add(rule rule, level Level, message, hint, field string) {
	e.verdicts = append(e.verdicts, Verdict{Rule: rule.name, Level: level, Message: clip(message), Hint: clip(hint), Field: field})
}

// clip bounds a text, at the border of a character.
func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}
