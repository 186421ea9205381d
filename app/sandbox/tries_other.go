//go:build !linux

package sandbox

// run is never reached: nothing is confined here.
func (tries) run() (refused []string, gap string) { return nil, "nothing was tried" }
