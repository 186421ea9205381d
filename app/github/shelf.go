package github

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// inMemory is a shelf that a restart empties.
type inMemory map[string]*remembered

func (m inMemory) load(key string) *remembered { return m[key] }
func (m inMemory) drop(key string)             { delete(m, key) }
func (m inMemory) save(r *remembered) error {
	m[r.key] = r
	return nil
}

// onDisk is a shelf in a directory of its own, one file an answer: a line of JSON
// and the body. It may be lost at any time. What a crash, or a hand, left in another
// state than it was written in is not used.
type onDisk string

// label is the first line of a file.
type label struct {
	Key    string      `json:"key"`
	ETag   string      `json:"etag"`
	Sum    string      `json:"sum"` // SHA-256 of the body
	Header http.Header `json:"header"`
}

const answerSuffix = ".answer"

// openShelf opens, or makes, the shelf in a directory, and returns what is on it,
// longest unused first. The error is that of making the directory.
func openShelf(dir string) (onDisk, []volume, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	d := onDisk(dir)
	names, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	type found struct {
		volume
		at time.Time
	}
	var all []found
	for _, name := range names {
		info, err := name.Info()
		file := filepath.Join(dir, name.Name())
		if err != nil || !strings.HasSuffix(name.Name(), answerSuffix) {
			_ = os.Remove(file) // left by a crash
			continue
		}
		content := readAnswer(file)
		if content == nil {
			_ = os.Remove(file)
			continue
		}
		all = append(all, found{volume{content.key, len(content.body)}, info.ModTime()})
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.at.Compare(b.at) })
	volumes := make([]volume, len(all))
	for i, f := range all {
		volumes[i] = f.volume
	}
	return d, volumes, nil
}

func (d onDisk) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(string(d), hex.EncodeToString(sum[:16])+answerSuffix)
}

func (d onDisk) load(key string) *remembered {
	content := readAnswer(d.file(key))
	if content == nil || content.key != key {
		return nil
	}
	return content
}

func (d onDisk) drop(key string) { _ = os.Remove(d.file(key)) }

// save writes beside, then renames, so that nobody reads half an answer.
func (d onDisk) save(r *remembered) error {
	sum := sha256.Sum256(r.body)
	line, err := json.Marshal(label{Key: r.key, ETag: r.etag, Sum: hex.EncodeToString(sum[:]), Header: r.header})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(string(d), "new-")
	if err != nil {
		return err
	}
	_, err = file.Write(slices.Concat(line, []byte("\n"), r.body))
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), d.file(r.key))
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// readAnswer returns what a file remembers, nil where it is not whole.
func readAnswer(file string) *remembered {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	line, body, ok := bytes.Cut(content, []byte("\n"))
	var l label
	if !ok || json.Unmarshal(line, &l) != nil {
		return nil
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != l.Sum {
		return nil
	}
	return &remembered{key: l.Key, etag: l.ETag, header: l.Header, body: body}
}
