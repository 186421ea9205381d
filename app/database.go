package app

import (
	"cmp"
	"errors"
	"path/filepath"
)

// Database returns the address of the queue's database as the operator's file (none
// where the path is empty) and the environment say. It asks for nothing else that a
// service needs.
func Database(file string, environ func(string) string) (string, error) {
	c, problems, err := readConfig(file)
	if err != nil {
		return "", err
	}
	c.Database = cmp.Or(environ(envDatabase), c.Database)
	if c.Database == "" && c.Data == "" {
		problems = append(problems, errors.New("neither database nor data is set: give the file that slipway serve is given, or "+envDatabase+" in the environment"))
	}
	if err := c.check(file, problems); err != nil || c.Database != "" {
		return c.Database, err
	}
	data, err := filepath.Abs(c.Data)
	return c.database(data), err
}
