package config

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/policy"
	"github.com/slipwayhq/slipway/render"
)

// maxTimeout keeps an apply from holding its target for longer than a day.
const maxTimeout = 24 * time.Hour

var (
	label      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	subdomain  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	kindName   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	clusterRE  = regexp.MustCompile(environmentPattern)
	whoName    = regexp.MustCompile(`^(team|user):[A-Za-z0-9][A-Za-z0-9_.-]*(\[bot\])?$`)
	ruleName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)
	selectors  = regexp.MustCompile(`^(/(\[[^\[\]=]+=[^\[\]]*\]|[^/\[\]]*))+$`)
	expansions = regexp.MustCompile(`\{[^{}]*\}`)
)

// Roles are GitHub's repository roles, as allow names them.
var roles = []string{"read", "triage", "write", "maintain", "admin"}

// A checker finds what a schema cannot say. It passes over values that are
// missing or empty because the schema refused them.
type checker struct {
	config   *Config
	document *document
	problems *problems
}

func (c checker) all() {
	for i, layout := range c.config.Layout {
		at := pointer("\nlayout")
		if child := at.child(strconv.Itoa(i)); c.document.lines[child] > 0 {
			at = child
		}
		c.layout(at, layout, slices.Index(c.config.Layout, layout) < i)
	}
	for _, environment := range c.config.Environments {
		c.environment(pointerTo([]string{"environments", string(environment.Name)}), environment)
	}
	for i, promotion := range c.config.Promotions {
		c.promotion(pointerTo([]string{"promotions", strconv.Itoa(i)}), i, promotion)
	}
	c.cycle()
	c.policies()
	for i, field := range c.config.Sensitive {
		at := pointerTo([]string{"sensitive", strconv.Itoa(i)})
		c.kind(at.child("kind"), field.Kind)
		if place := at.child("field"); c.pointer(place, field.Field) && c.written(place) && field.Kind != "" {
			if problem := field.Problem(); problem != nil {
				c.problems.add(c.document.lines[place], problem.Message, problem.Hint)
			}
		}
	}
}

// add reports a problem with the value at a place.
func (c checker) add(at pointer, hint, format string, args ...any) {
	c.problems.add(c.document.lines[at], name(at)+" "+fmt.Sprintf(format, args...), hint)
}

// written reports whether the file has a usable value at a place.
func (c checker) written(at pointer) bool {
	return c.document.lines[at] > 0 && !c.document.unwanted[at]
}

func (c checker) layout(at pointer, layout string, again bool) {
	if !c.written(at) {
		return
	}
	const example = "write a path such as apps/{application}/overlays/{environment}"
	if again {
		c.add(at, "keep one of them", "has %q twice", layout)
		return
	}
	if !c.inTree(at, layout, example) {
		return
	}
	_, problem := render.ParseLayout(path.Clean(layout))
	if problem == nil {
		return
	}
	for _, expansion := range expansions.FindAllString(layout, -1) {
		placeholder := strings.Trim(expansion, "{}")
		if near := nearest(placeholder, []string{"environment", "application"}); near != "" && near != placeholder {
			problem.Hint = fmt.Sprintf("did you mean {%s}?", near)
		}
	}
	c.problems.add(c.document.lines[at], problem.Message, problem.Hint)
}

// inTree checks that a path is relative to the root and stays below it.
func (c checker) inTree(at pointer, dir, hint string) bool {
	clean := path.Clean(dir)
	switch {
	case dir == "":
		c.add(at, hint, "is empty")
		return false
	case path.IsAbs(dir) || strings.Contains(dir, `\`) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(dir, 0):
		c.add(at, hint, "is %q, which is not a path inside the repository", dir)
		return false
	}
	return true
}

func (c checker) environment(at pointer, e Environment) {
	if c.document.unwanted[at] {
		return
	}
	if e.Cluster != "" && !clusterRE.MatchString(e.Cluster) {
		c.add(at.child("cluster"), "write the name under which the operator registered it", "is %q, which is not a cluster's name", e.Cluster)
	}
	if e.Namespace != "" && !label.MatchString(e.Namespace) {
		c.add(at.child("namespace"), "use at most 63 small letters, digits and dashes", "is %q, which is not a namespace's name", e.Namespace)
	}
	if e.ServiceAccount != "" {
		namespace, account, found := strings.Cut(e.ServiceAccount, "/")
		if !found {
			namespace, account = "default", e.ServiceAccount
		}
		if !label.MatchString(namespace) || !subdomain.MatchString(account) {
			c.add(at.child("serviceAccount"), "write name or namespace/name", "is %q, which is not a service account's name", e.ServiceAccount)
		}
	}
	c.dependsOn(at.child("dependsOn"), e)
	c.sync(at.child("sync"), e.Sync)
	c.drift(at.child("drift"), e.Drift)
	for _, verb := range slices.Sorted(maps.Keys(e.Allow)) {
		c.allow(at.child("allow").child(string(verb)), e.Allow[verb])
	}
}

func (c checker) dependsOn(at pointer, e Environment) {
	for i, application := range e.DependsOn {
		item := at.child(strconv.Itoa(i))
		environment, plain, found := strings.Cut(application, "/")
		switch {
		case !c.written(item):
		case found && render.Environment(environment) == e.Name:
			c.add(item, fmt.Sprintf("write %q", plain), "is %q, but the environment is already said", application)
		case found:
			c.add(item, "name an application of "+string(e.Name), "is %q, which is not in this environment", application)
		case application == "":
			c.add(item, "write an application's name, or remove it", "is empty")
		case slices.Index(e.DependsOn, application) < i:
			c.add(item, "keep one of them", "names %q again", application)
		}
	}
}

func (c checker) sync(at pointer, s deploy.Sync) {
	if timeout := time.Duration(s.Timeout); timeout <= 0 || timeout > maxTimeout {
		c.add(at.child("timeout"), "write more than 0s and at most 24h", "is %s", s.Timeout)
	}
	for i, kind := range s.Replace {
		item := at.child("replace").child(strconv.Itoa(i))
		if c.kind(item, kind) && slices.Index(s.Replace, kind) < i {
			c.add(item, "keep one of them", "names %q again", kind)
		}
	}
	if backoff := s.Retry.Backoff; backoff.MaxDuration < backoff.Duration {
		place := at.child("retry").child("backoff")
		if longest := place.child("maxDuration"); c.document.lines[longest] > 0 {
			place = longest
		}
		c.add(place, "write at least "+backoff.Duration.String(), "waits at most %s, which is less than the first wait of %s", backoff.MaxDuration, backoff.Duration)
	}
}

func (c checker) drift(at pointer, d deploy.DriftSettings) {
	schedule := at.child("schedule")
	if c.written(schedule) {
		const hint = `write five fields: minute, hour, day of month, month, day of week, e.g. "*/15 * * * *"`
		if len(strings.Fields(d.Schedule)) != 5 || strings.Contains(d.Schedule, "=") { // not @every, no time zone
			c.add(schedule, hint, "is %q, which is not a cron expression of five fields", d.Schedule)
		} else if parsed, err := cron.ParseStandard(d.Schedule); err != nil {
			c.add(schedule, hint, "is %q, which is not a cron expression: %v", d.Schedule, err)
		} else if parsed.Next(time.Unix(0, 0).UTC()).IsZero() {
			c.add(schedule, "write a day that the month has", "is %q, which never comes due", d.Schedule)
		}
	}
	for i, rule := range d.Ignore {
		item := at.child("ignore").child(strconv.Itoa(i))
		c.kind(item.child("kind"), rule.Kind)
		place := item.child("field")
		if c.pointer(place, rule.Field) && c.written(place) && !selectors.MatchString(rule.Field) {
			c.add(place, "write a list item as [name=web]", "is %q, in which a bracket is not [key=value]", rule.Field)
		}
	}
}

func (c checker) allow(at pointer, who []string) {
	if len(who) == 0 && !c.document.unwanted[at] {
		c.add(at, "write a role, team:slug or user:login", "allows nobody")
	}
	for i, entry := range who {
		item := at.child(strconv.Itoa(i))
		if !c.written(item) || slices.Contains(roles, entry) || whoName.MatchString(entry) {
			continue
		}
		hint := "write " + strings.Join(roles, ", ") + ", team:slug or user:login"
		if near := nearest(entry, roles); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.add(item, hint, "is %q, which is neither a role, a team nor a user", entry)
	}
}

func (c checker) kind(at pointer, kind string) bool {
	if !c.written(at) || kindName.MatchString(kind) {
		return true
	}
	c.add(at, "write a kind such as Deployment", "is %q, which is not a kind", kind)
	return false
}

func (c checker) pointer(at pointer, field string) bool {
	if !c.written(at) || strings.HasPrefix(field, "/") && field != "/" {
		return true
	}
	hint := "write it with slashes, e.g. /spec/replicas"
	if field != "" && !strings.ContainsAny(field, "/ ") {
		hint = "write /" + strings.ReplaceAll(strings.TrimPrefix(field, "."), ".", "/")
	}
	c.add(at, hint, "is %q, which is not a JSON pointer", field)
	return false
}

func (c checker) policies() {
	at := pointer("\npolicies")
	if dir := at.child("path"); c.written(dir) {
		c.inTree(dir, c.config.Policies.Path, "write a directory such as policies")
	}
	for _, rule := range slices.Sorted(maps.Keys(c.config.Policies.Rules)) {
		c.rule(at.child("rules").child(rule), rule)
	}
	for i, waiver := range c.config.Policies.Waivers {
		item := at.child("waivers").child(strconv.Itoa(i))
		if place := item.child("rule"); c.written(place) {
			c.rule(place, waiver.Rule)
		}
		if place := item.child("object"); c.written(place) {
			if _, err := policy.ParsePattern(waiver.Object); err != nil {
				c.add(place, "write Kind namespace/name, or Kind name; * stands for any text", "is %q, which names no object", waiver.Object)
			}
		}
		if place := item.child("reason"); c.written(place) && strings.TrimSpace(waiver.Reason) == "" {
			c.add(place, "say why, for whoever reads it in a year", "is empty")
		}
		if place := item.child("expires"); c.written(place) {
			if _, err := time.Parse(time.DateOnly, waiver.Expires); err != nil {
				c.add(place, "write it as 2027-01-31", "is %q, which is not a date", waiver.Expires)
			}
		}
	}
}

func (c checker) rule(at pointer, rule string) {
	if !ruleName.MatchString(rule) {
		c.add(at, "write package and rule, e.g. main.deny_latest_tag", "is %q, which is not a rule's name", rule)
	}
}
