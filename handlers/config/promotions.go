package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/render"
)

func (c checker) promotion(at pointer, index int, p deploy.PromotionSettings) {
	if c.document.unwanted[at] {
		return
	}
	c.known(at.child("from"), p.From)
	c.known(at.child("to"), p.To)
	if p.From != "" && p.From == p.To {
		c.add(at.child("to"), "name two different environments", "is %q, where the version comes from", p.To)
	}
	for _, earlier := range c.config.Promotions[:index] {
		if p.From != "" && earlier.From == p.From && earlier.To == p.To {
			c.add(at, "keep one of them", "is again from %s to %s", p.From, p.To)
		}
	}
	if carry := at.child("carry"); len(p.Carry) == 0 && c.written(carry) {
		c.add(carry, "write [images]", "takes nothing along")
	}
}

// known checks that an environment is among those of the file.
func (c checker) known(at pointer, environment render.Environment) {
	if !c.written(at) {
		return
	}
	if _, found := c.config.Environments.Get(environment); found {
		return
	}
	names := make([]string, len(c.config.Environments))
	for i, e := range c.config.Environments {
		names[i] = string(e.Name)
	}
	hint := "known are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = "name the environments under environments: first"
	} else if near := nearest(string(environment), names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.add(at, hint, "is %q, which is no environment of this file", environment)
}

// cycle reports promotions that lead back to where they started: an automatic one
// would never end.
func (c checker) cycle() {
	next := make(map[render.Environment][]render.Environment)
	for _, p := range c.config.Promotions {
		if p.From != p.To {
			next[p.From] = append(next[p.From], p.To)
		}
	}
	done := make(map[render.Environment]bool)
	var way []render.Environment
	var visit func(render.Environment) bool
	visit = func(environment render.Environment) bool {
		if start := slices.Index(way, environment); start >= 0 {
			way = append(way[start:], environment)
			return true
		}
		if done[environment] {
			return false
		}
		done[environment] = true
		way = append(way, environment)
		if slices.ContainsFunc(next[environment], visit) {
			return true
		}
		way = way[:len(way)-1]
		return false
	}
	for _, p := range c.config.Promotions {
		if p.From != "" && visit(p.From) {
			c.add("\npromotions", "remove one of these steps", "lead in a circle: %s", join(way))
			return
		}
	}
}

func join(environments []render.Environment) string {
	names := make([]string, len(environments))
	for i, environment := range environments {
		names[i] = string(environment)
	}
	return strings.Join(names, " → ")
}
