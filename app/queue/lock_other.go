//go:build !unix

package queue

// lockFile locks nothing here: give one file to one process.
func lockFile(string) (release func() error, err error) {
	return func() error { return nil }, nil
}
