package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/slipwayhq/slipway/render"
)

// ErrMoved says that somebody else changed the record in a way that makes what was
// to be written of it wrong.
var ErrMoved = errors.New("the record was changed by somebody else meanwhile")

// tries is how often a change of a record is begun again when another came between.
const tries = 10

// repositoryLabel leads to the records of one repository.
const repositoryLabel = "slipway.dev/repository"

// A Store reads and writes the records of one cluster as Slipway's own identity.
// Each is a ConfigMap in [Namespace]: the record compressed, with a summary for
// people. It is safe for concurrent use; two writers of one record notice each
// other by its resourceVersion. A *[render.Problem] among its errors is for a
// person to mend.
type Store struct {
	core typedcorev1.CoreV1Interface
}

// NewStore returns the store of the cluster that config leads to. It asks nothing yet.
func NewStore(config *rest.Config) (*Store, error) {
	core, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the inventory: %w", err)
	}
	return &Store{core: core}, nil
}

// String prints the key as people write a target, after its repository.
func (k Key) String() string {
	target := render.Target{Environment: k.Environment, Application: k.Application}
	return k.Repository + " " + target.String()
}

// Name is what the target's ConfigMap and Lease are called: the same for every
// installation, and for no other target.
func (k Key) Name() string {
	sum := sha256.Sum256([]byte(k.Repository + "\x00" + string(k.Environment) + "\x00" + string(k.Application)))
	return "target-" + hex.EncodeToString(sum[:10])
}

// Read returns a target's record; nil where it has none.
func (s *Store) Read(ctx context.Context, key Key) (*Record, error) {
	record, _, err := s.read(ctx, key)
	return record, err
}

func (s *Store) read(ctx context.Context, key Key) (*Record, *corev1.ConfigMap, error) {
	stored, err := s.core.ConfigMaps(Namespace).Get(ctx, key.Name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read record of %s: %w", key, forbidden(err))
	}
	record, err := decode(stored)
	if err != nil {
		return nil, nil, err
	}
	if record.Key != key {
		return nil, nil, broken(stored, fmt.Sprintf("it is the record of %s", record.Key))
	}
	return record, stored, nil
}

// A Damaged record is there and cannot be read, so that it is not known whose it is
// but by its name.
type Damaged struct {
	Name    string // that of its target's key
	Problem render.Problem
}

// List returns the records of a repository's targets, by environment and
// application; one request for every 500 of them. Damaged ones stand beside all
// those that can be read. A copy under another name is no record.
func (s *Store) List(ctx context.Context, repository string) ([]Record, []Damaged, error) {
	var records []Record
	var damaged []Damaged
	options := metav1.ListOptions{LabelSelector: repositoryLabel + "=" + repositoryValue(repository), Limit: 500}
	for {
		list, err := s.core.ConfigMaps(Namespace).List(ctx, options)
		if err != nil {
			return nil, nil, fmt.Errorf("list records of %s: %w", repository, forbidden(err))
		}
		for i := range list.Items {
			stored := &list.Items[i]
			record, err := decode(stored)
			var problem *render.Problem
			switch {
			case errors.As(err, &problem):
				damaged = append(damaged, Damaged{stored.Name, *problem})
			case err != nil:
				return nil, nil, err
			case record.Repository == repository && record.Name() == stored.Name:
				records = append(records, *record)
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			break
		}
	}
	slices.SortFunc(records, func(a, b Record) int {
		if c := strings.Compare(string(a.Environment), string(b.Environment)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Application), string(b.Application))
	})
	return records, damaged, nil
}

// Change reads the target's record (an empty one with its key where there is
// none), lets change alter it, and writes it, again from the start when somebody
// else wrote between. Nothing is written when change returns an error, or leaves
// the record as it was. It returns the record as it is then.
func (s *Store) Change(ctx context.Context, key Key, change func(*Record) error) (*Record, error) {
	for range tries {
		record, stored, err := s.read(ctx, key)
		if err != nil {
			return nil, err
		}
		if record == nil {
			record = &Record{Key: key}
		}
		if err := change(record); err != nil {
			return nil, err
		}
		err = s.write(ctx, record, stored)
		switch {
		case err == nil:
			return record, nil
		case !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err):
			return nil, fmt.Errorf("write record of %s: %w", key, forbidden(err))
		}
	}
	return nil, fmt.Errorf("write record of %s: %w", key, ErrMoved)
}

// write writes the record in the place of what is stored; nil for nothing.
func (s *Store) write(ctx context.Context, record *Record, stored *corev1.ConfigMap) error {
	wanted, err := encode(record)
	if err != nil {
		return err
	}
	if stored == nil {
		_, err := s.core.ConfigMaps(Namespace).Create(ctx, wanted, metav1.CreateOptions{})
		return err
	}
	if wanted.Data[digestKey] == stored.Data[digestKey] {
		return nil
	}
	wanted.ResourceVersion = stored.ResourceVersion
	_, err = s.core.ConfigMaps(Namespace).Update(ctx, wanted, metav1.UpdateOptions{})
	return err
}

// Remove deletes a target's record, if allowed says so of what it is by then.
func (s *Store) Remove(ctx context.Context, key Key, allowed func(*Record) error) error {
	for range tries {
		record, stored, err := s.read(ctx, key)
		if err != nil || record == nil {
			return err
		}
		if err := allowed(record); err != nil {
			return err
		}
		err = s.core.ConfigMaps(Namespace).Delete(ctx, key.Name(), metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &stored.UID, ResourceVersion: &stored.ResourceVersion},
		})
		switch {
		case err == nil || apierrors.IsNotFound(err):
			return nil
		case !apierrors.IsConflict(err):
			return fmt.Errorf("delete record of %s: %w", key, forbidden(err))
		}
	}
	return fmt.Errorf("delete record of %s: %w", key, ErrMoved)
}

// maxWords bounds the words that wait in a record; the oldest go first.
const maxWords = 50

// Say stores a person's word. Saying the same again changes nothing.
func (s *Store) Say(ctx context.Context, key Key, word Word) error {
	_, err := s.Change(ctx, key, func(record *Record) error {
		for _, said := range record.Words {
			if said.Verb == word.Verb && said.Digest == word.Digest {
				return nil
			}
		}
		record.Words = append(record.Words, word)
		record.Words = record.Words[max(0, len(record.Words)-maxWords):]
		return nil
	})
	return err
}

// Prepare makes sure that records can be kept: that the namespace is there, which
// it makes where it may, and that they may be written in it.
func (s *Store) Prepare(ctx context.Context) error {
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-"}}
	ask := func() error {
		_, err := s.core.ConfigMaps(Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	err := ask()
	if apierrors.IsNotFound(err) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
		_, err = s.core.Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) {
			return &render.Problem{
				Message: "the namespace " + Namespace + ", where records and leases are kept, is not there, and Slipway may not make it",
				Hint:    "kubectl create namespace " + Namespace + ", then apply the manifest in docs/deploying.md to the cluster",
			}
		}
		if err == nil || apierrors.IsAlreadyExists(err) {
			err = ask()
		}
	}
	if err != nil {
		return fmt.Errorf("prepare the inventory: %w", forbidden(err))
	}
	return nil
}

// forbidden makes a problem of the API server's refusal to let Slipway in.
func forbidden(err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return &render.Problem{
		Message: "Slipway's own identity may not keep its records: " + err.Error(),
		Hint:    "apply the manifest in docs/deploying.md to the cluster",
	}
}
