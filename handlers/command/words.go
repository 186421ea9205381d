package command

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/handlers/internal/spelling"
)

// arrow is the word that every way of writing one becomes.
const arrow = "→"

// cut splits the first word from the rest, at the spaces that people type.
func cut(text string) (word, rest string) {
	text = strings.Trim(text, " \t")
	if at := strings.IndexAny(text, " \t"); at >= 0 {
		return text[:at], strings.Trim(text[at:], " \t")
	}
	return text, ""
}

var arrows = strings.NewReplacer("→", " → ", "->", " → ", "=>", " → ")

// arguments splits the rest of a line into words of harmless characters.
func (l line) arguments(verb Verb, rest string) ([]string, *Mistake) {
	if verb == Promote {
		rest = arrows.Replace(rest)
	}
	words := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\t' })
	for _, word := range words {
		if word == arrow && verb == Promote {
			continue
		}
		if strings.HasPrefix(word, "-") {
			return nil, l.wrong(quote(word)+" looks like a flag, and commands have none", verbs[verb].hint())
		}
		for _, r := range word {
			if message, hint := badRune(r); message != "" {
				return nil, l.wrong(message, hint)
			}
		}
	}
	return words, nil
}

// badRune says what is wrong with a character of an argument.
func badRune(r rune) (message, hint string) {
	switch {
	case r == '`':
		return "there is a backtick after the verb", "write names as they are, without backticks"
	case r == ',':
		return "there is a comma after the verb", "put spaces between the names"
	case r == '→' || r == '>' || r == '=':
		return "there is an arrow where none belongs", "arrows are for /promote staging→production"
	case r == '\\' || r < utf8.RuneSelf && strings.ContainsRune(`;&|$<(){}[]!?"'*#~^%@+:`, r):
		return fmt.Sprintf("%c means nothing in a command", r), "write names alone: no shell, no wildcards, no punctuation"
	case invisible(r) || unicode.IsSpace(r):
		return fmt.Sprintf("there is a character after the verb that cannot be seen (%U)", r), "type the command instead of pasting it"
	case r >= utf8.RuneSelf:
		return fmt.Sprintf("%U after the verb is none of the characters of a name, though it may look like one", r), "type the command instead of pasting it"
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf("there is a control character after the verb (%U)", r), "type the command instead of pasting it"
	}
	return "", ""
}

// invisible reports whether a character takes no room or is an odd space.
func invisible(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Cc, unicode.Variation_Selector, unicode.Mn, unicode.Me) ||
		r == 'ㅤ' || r == 'ᅟ' || r == 'ᅠ' || r == 'ﾠ' || r == '⠀') // fillers that print nothing
}

// slashes look like one and are none.
const slashes = "⁄∕／⧸╱⟋〳"

// unmask is the mistake of a line that looks like a command and is written with
// other characters: invisible ones, or letters of other alphabets.
func unmask(l line) *Mistake {
	if ascii(l.text) {
		return nil
	}
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case invisible(r):
			return -1
		case strings.ContainsRune(slashes, r):
			return '/'
		}
		return r
	}, l.text)
	word, rest := cut(seen)
	written, writtenRest := cut(l.text)
	if folded := strings.ToLower(word); folded == "/slipway" || resembles(folded, "/slipway") {
		second, _ := cut(rest)
		writtenSecond, _ := cut(writtenRest)
		word, written = word+" /"+second, written+" /"+writtenSecond
	}
	if word == written && ascii(word) {
		return nil // an argument's matter
	}
	if _, last, two := strings.Cut(word, " "); two {
		word = last
	}
	for _, known := range order {
		if resembles(strings.ToLower(word), "/"+string(known)) {
			return l.wrong(fmt.Sprintf("this looks like /%s and is written with other characters (%U)", known, oddest(written)), "type the command instead of pasting it")
		}
	}
	return nil
}

// resembles reports whether word is known where each character from beyond ASCII
// may stand for any; one letter at least must be the same.
func resembles(word, known string) bool {
	if !strings.HasPrefix(word, "/") || utf8.RuneCountInString(word) != len(known) {
		return false
	}
	same, at := 0, 0
	for _, r := range word {
		switch {
		case r == rune(known[at]):
			same++
		case r < utf8.RuneSelf:
			return false
		}
		at++
	}
	return same > 1 // the slash is one
}

// oddest is the first character beyond ASCII.
func oddest(text string) rune {
	for _, r := range text {
		if r >= utf8.RuneSelf {
			return r
		}
	}
	return utf8.RuneError
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// nearest is the verb that word was probably meant to be, or empty: one letter
// off, or two in a long one that starts alike.
func nearest(word string) Verb {
	if len(word) < 3 || len(word) > 12 {
		return ""
	}
	for allowed := range 3 {
		for _, known := range order {
			if allowed == 2 && (len(known) < 6 || word[0] != known[0]) {
				continue
			}
			if spelling.Distance(word, string(known)) == allowed {
				return known
			}
		}
	}
	return ""
}
