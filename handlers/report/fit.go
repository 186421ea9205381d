package report

import (
	"strings"
	"time"
)

// fit chooses for each block the fullest of its forms for which there is room, and
// returns them joined, with how many there was room for none of. Forms are given the
// fullest first. Every block gets its shortest form before any gets a longer one;
// the blocks in front come first.
func fit(blocks [][]string, room int) (text string, left int) {
	chosen := make([]int, len(blocks))
	for i, forms := range blocks {
		chosen[i] = len(forms)
		if n := size(forms[len(forms)-1]); n <= room {
			chosen[i]--
			room -= n
		}
	}
	for i, forms := range blocks {
		if chosen[i] == len(forms) {
			continue
		}
		for form := range chosen[i] {
			if more := size(forms[form]) - size(forms[chosen[i]]); more <= room {
				chosen[i] = form
				room -= more
				break
			}
		}
	}
	var b strings.Builder
	for i, forms := range blocks {
		if chosen[i] == len(forms) {
			left++
			continue
		}
		b.WriteString(forms[chosen[i]])
	}
	return b.String(), left
}

// moment prints a time as everywhere in Slipway: in UTC, to the minute. What is zero
// is empty. No place says how long ago something was, since that would never stand
// still.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// named returns a name for a sentence: as code there.
func named(s string) string {
	return "`" + strings.ReplaceAll(short(s, 120), "`", "'") + "`"
}

// apart joins two texts by one empty line.
func apart(above, below string) string { return strings.TrimRight(above, "\n") + "\n\n" + below }
