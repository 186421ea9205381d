package app

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Roles are what a process does. With neither set it does both.
type Roles struct {
	Web     bool // takes deliveries
	Workers bool // works jobs
}

func (r Roles) web() bool     { return r.Web || !r.Workers }
func (r Roles) workers() bool { return r.Workers || !r.Web }

// ParseRoles reads a list like web,workers.
func ParseRoles(list string) (r Roles, err error) {
	for _, role := range strings.Split(list, ",") {
		switch strings.TrimSpace(role) {
		case "web":
			r.Web = true
		case "workers":
			r.Workers = true
		default:
			return r, fmt.Errorf("role %q is unknown; write web, workers or web,workers", role)
		}
	}
	return r, nil
}

// queueFile is the queue in the data directory.
const queueFile = "queue.db"

// database is the address of the queue's database, for a data directory.
func (c *Config) database(data string) string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(data, queueFile)
}
