package policy

import (
	"context"
	"fmt"
	"testing"
)

func TestCache(t *testing.T) {
	cache := NewCache(2, nil)
	files := func(n int) map[string][]byte {
		return contents(map[string]string{"main.rego": fmt.Sprintf("package main\n\ndeny_%d contains \"x\"\n", n)})
	}
	get := func(n int) *Policies {
		policies, problems, err := cache.Compile(context.Background(), files(n))
		if err != nil || len(problems) > 0 {
			t.Fatal(err, say(problems))
		}
		return policies
	}
	one, two := get(1), get(2)
	if get(1) != one || get(2) != two || one == two {
		t.Error("equal files were compiled twice, or other files not at all")
	}
	get(1)
	get(3) // two has not been used for longest
	if get(1) != one {
		t.Error("the one used last was dropped")
	}
	if get(2) == two {
		t.Error("three are kept where two may be")
	}
	if digest(map[string][]byte{"a": []byte("bc")}) == digest(map[string][]byte{"ab": []byte("c")}) {
		t.Error("other files have the same digest")
	}
}
