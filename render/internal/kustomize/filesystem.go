package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// root is where kustomize sees the tree. It is not /, so that too many .. lead
// out of the tree, as they do on disk, and not back to its top.
const root = "/.tree"

var (
	errOwnSchema = errors.New("the kustomization sets openapi")
	errReadOnly  = errors.New("the tree is read-only")
	errDirectory = errors.New("(directory)") // told apart from other errors in kustomize's texts
)

// A fileSystem is kustomize's sight of the view during one run. Kustomizations
// are judged, and the top one made to record origins, on their way through.
type fileSystem struct {
	view  *view.View
	dir   string // of the top kustomization
	alone bool   // whether this run may set the schema
	trace bool   // whether to record origins

	root       string // the top kustomization's file, once read
	ownSchema  bool   // a kustomization sets openapi, and this run may not
	warnings   []string
	reads      []read // in order
	resources  map[string]bool
	generators map[string][]source // by kustomization
}

// A read is a file as kustomize asked for it.
type read struct {
	name    string
	content []byte
}

func (r read) isKustomization() bool { return slices.Contains(FileNames, path.Base(r.name)) }

func newFileSystem(v *view.View, dir string, alone, trace bool) *fileSystem {
	return &fileSystem{view: v, dir: dir, alone: alone, trace: trace, root: path.Join(dir, FileNames[0]),
		resources: map[string]bool{}, generators: map[string][]source{}}
}

// inTree is name relative to the tree's root.
func (f *fileSystem) inTree(name string) (string, error) {
	clean := path.Clean(filepath.ToSlash(name))
	if clean == root {
		return ".", nil
	}
	rel, ok := strings.CutPrefix(clean, root+"/")
	if !ok {
		file := f.root
		for _, r := range f.reads {
			if r.isKustomization() {
				file = r.name
			}
		}
		return "", f.view.Report(&view.Problem{File: file, Message: "refers to a path outside the repository: " + shorten(clean), Hint: "copy what is needed into the repository and refer to it by a relative path"})
	}
	return rel, nil
}

// CleanedAbs implements [filesys.FileSystem].
func (f *fileSystem) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	rel, err := f.inTree(name)
	if err != nil {
		return "", "", err
	}
	entry, err := f.view.Resolve(rel)
	if err != nil {
		return "", "", err
	}
	if entry.Mode == view.Directory {
		return filesys.ConfirmedDir(path.Join(root, entry.Path)), "", nil
	}
	dir, base := path.Split(path.Join(root, entry.Path))
	return filesys.ConfirmedDir(path.Clean(dir)), base, nil
}

// ReadFile implements [filesys.FileSystem].
func (f *fileSystem) ReadFile(name string) ([]byte, error) {
	rel, err := f.inTree(name)
	if err != nil {
		return nil, err
	}
	content, err := f.view.Read(rel)
	if err != nil {
		if entry, failed := f.view.Resolve(rel); failed == nil && entry.Mode == view.Directory {
			return nil, errDirectory
		}
		return nil, err
	}
	this := read{rel, content}
	f.reads = append(f.reads, this)
	if this.isKustomization() {
		return f.judge(rel, content)
	}
	return content, nil
}

// IsDir implements [filesys.FileSystem].
func (f *fileSystem) IsDir(name string) bool {
	rel, err := f.inTree(name)
	if err != nil {
		return false
	}
	entry, err := f.view.Resolve(rel)
	return err == nil && entry.Mode == view.Directory
}

// Exists implements [filesys.FileSystem].
func (f *fileSystem) Exists(name string) bool {
	rel, err := f.inTree(name)
	if err != nil {
		return false
	}
	_, err = f.view.Resolve(rel)
	return err == nil
}

// ReadDir implements [filesys.FileSystem].
func (f *fileSystem) ReadDir(name string) ([]string, error) {
	rel, err := f.inTree(name)
	if err != nil {
		return nil, err
	}
	entry, err := f.view.Resolve(rel)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, child := range f.view.List(entry.Path) {
		names = append(names, path.Base(child.Path))
	}
	return names, nil
}

// Open implements [filesys.FileSystem]; kustomize reads whole files instead.
func (f *fileSystem) Open(name string) (filesys.File, error) {
	return nil, fmt.Errorf("open %s: %w", name, fs.ErrInvalid)
}

// Glob implements [filesys.FileSystem]; no field of a kustomization globs.
func (f *fileSystem) Glob(pattern string) ([]string, error) {
	return nil, fmt.Errorf("glob %s: %w", pattern, fs.ErrInvalid)
}

// Walk implements [filesys.FileSystem]; no build walks.
func (f *fileSystem) Walk(name string, _ filepath.WalkFunc) error {
	return fmt.Errorf("walk %s: %w", name, fs.ErrInvalid)
}

// Create implements [filesys.FileSystem] by refusing.
func (f *fileSystem) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir implements [filesys.FileSystem] by refusing.
func (f *fileSystem) Mkdir(string) error { return errReadOnly }

// MkdirAll implements [filesys.FileSystem] by refusing.
func (f *fileSystem) MkdirAll(string) error { return errReadOnly }

// RemoveAll implements [filesys.FileSystem] by refusing.
func (f *fileSystem) RemoveAll(string) error { return errReadOnly }

// WriteFile implements [filesys.FileSystem] by refusing.
func (f *fileSystem) WriteFile(string, []byte) error { return errReadOnly }
