package app

import "testing"

// What records call a repository is read out of every form of a remote's URL, and
// out of nothing that could be something else.
func TestRepositoryOf(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/shop.git":              "acme/shop",
		"https://github.com/acme/shop/":                 "acme/shop",
		"https://alice:hunter2@github.com/acme/shop":    "acme/shop",
		"http://127.0.0.1:8080/acme/shop.git":           "acme/shop",
		"git@github.com:acme/shop.git":                  "acme/shop",
		"github.com:acme/shop":                          "acme/shop",
		"ssh://git@github.com:22/acme/shop.git":         "acme/shop",
		"https://github.com/acme/.github":               "acme/.github",
		"":                                              "",
		"/srv/git/acme/shop.git":                        "",
		"../shop":                                       "",
		"file:///acme/shop":                             "",
		"file://host/acme/shop":                         "",
		"https://git.example/group/team/shop.git":       "",
		"https://github.com/acme":                       "",
		"https://github.com/acme/..":                    "",
		"https://github.com/acme/shop%0aname":           "",
		"git@github.com:acme/shop\nx":                   "",
		"https://github.com/-acme/shop":                 "",
		"ext::sh -c 'touch owned' github.com:acme/shop": "",
	} {
		owner, name, ok := repositoryOf(remote)
		got := ""
		if ok {
			got = owner + "/" + name
		}
		if got != want {
			t.Errorf("%q is %q, want %q", remote, got, want)
		}
	}
}
