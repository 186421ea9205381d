package policy

import (
	"regexp"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/slipwayhq/slipway/render"
)

// off says why a built-in function is not there: a policy opens no connection,
// reads no clock and gives the same answer for the same input, always.
var off = map[string]string{
	"http.send":              "a policy opens no connection; put what it needs into a data file beside it",
	"net.lookup_ip_addr":     "a policy opens no connection; put addresses into a data file beside it",
	"opa.runtime":            "a policy sees nothing of the process that runs it",
	"time.now_ns":            "a policy reads no clock; give a waiver an expiry date in .slipway.yaml instead",
	"rand.intn":              "a policy gives the same answer every time",
	"uuid.rfc4122":           "a policy gives the same answer every time",
	"io.jwt.decode_verify":   "it reads the clock; use io.jwt.decode and a verify function",
	"io.jwt.encode_sign":     "a policy gives the same answer every time",
	"io.jwt.encode_sign_raw": "a policy gives the same answer every time",
	"json.match_schema":      "a schema may name another that would have to be fetched",
	"json.verify_schema":     "a schema may name another that would have to be fetched",
	"crypto.x509.parse_and_verify_certificates":              "it reads the clock; use crypto.x509.parse_certificates",
	"crypto.x509.parse_and_verify_certificates_with_options": "it reads the clock; use crypto.x509.parse_certificates",
}

// capabilities are this OPA's, without what is off and whatever else its authors
// mark as not deterministic, and with no host that a schema may be fetched from.
func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	kept := make([]*ast.Builtin, 0, len(all.Builtins))
	for _, builtin := range all.Builtins {
		if _, gone := off[builtin.Name]; !gone && !builtin.Nondeterministic {
			kept = append(kept, builtin)
		}
	}
	all.Builtins = kept
	all.AllowNet = []string{} // nil would allow every host
	return all
}

// usesOfOff finds every call of a function that is off: the compiler alone would
// report them only once everything else is right.
func usesOfOff(modules map[string]*ast.Module) []render.Problem {
	var problems []render.Problem
	for _, file := range sortedKeys(modules) {
		note := func(operator *ast.Term) {
			name := operator.String()
			if _, gone := off[name]; gone && operator.Location != nil {
				problems = append(problems, turnedOff(name, operator.Location))
			}
		}
		ast.WalkExprs(modules[file], func(expression *ast.Expr) bool {
			if expression.IsCall() {
				note(expression.OperatorTerm())
			}
			return false
		})
		ast.WalkTerms(modules[file], func(term *ast.Term) bool {
			if call, ok := term.Value.(ast.Call); ok {
				note(call[0])
			}
			return false
		})
	}
	return problems
}

func turnedOff(name string, at *ast.Location) render.Problem {
	return render.Problem{File: at.File, Line: at.Row, Message: name + " is off", Hint: off[name]}
}

var undefined = regexp.MustCompile(`^undefined function (\S+)$`)

// isOff names the function, where a compiler's message is about one that is off.
func isOff(message string) (string, bool) {
	match := undefined.FindStringSubmatch(message)
	if match == nil {
		return "", false
	}
	_, found := off[match[1]]
	return match[1], found
}
