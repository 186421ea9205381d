package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"

	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/render"
)

// errLeaseLost says that somebody else may be writing to the target by now.
var errLeaseLost = errors.New("the target's lease was lost")

// A lease is the right to write to one target.
type lease struct {
	elector *leaderelection.LeaderElector
	end     func()
}

// lost reports whether the right has ended, also where this process slept through
// its end.
func (l *lease) lost() bool { return !l.elector.IsLeader() || l.elector.Check(0) != nil }

// hold waits for the target's lease, telling who has it. The context it returns
// ends with ctx, and with errLeaseLost as its cause when the lease is lost. The
// lease outlives both, until its end is called, so that what has begun can still
// be recorded.
func (c *Cluster) hold(ctx context.Context, key inventory.Key, waiting func(holder string)) (context.Context, *lease, error) {
	c.mu.Lock()
	c.runs++
	identity := fmt.Sprintf("%s/%d", c.options.Identity, c.runs)
	c.mu.Unlock()

	held, lose := context.WithCancelCause(ctx)
	started, stopped := make(chan struct{}), make(chan struct{})
	duration := c.options.LeaseDuration
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: inventory.Namespace, Name: key.Name()},
			Client:     c.leases,
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		LeaseDuration: duration, RenewDeadline: duration * 2 / 3, RetryPeriod: max(duration*2/15, time.Millisecond),
		ReleaseOnCancel: true,
		Name:            key.Name(),
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(started) },
			OnStoppedLeading: func() { lose(errLeaseLost) },
			OnNewLeader: func(holder string) {
				if holder != identity && holder != "" {
					waiting(holder)
				}
			},
		},
	})
	if err != nil {
		lose(err)
		return nil, nil, fmt.Errorf("take the lease of %s: %w", key, err)
	}
	// Its own chatter is of no use to anybody: what matters is told as progress.
	electing, end := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	go func() {
		defer close(stopped)
		elector.Run(electing)
	}()
	l := &lease{elector: elector, end: func() { end(); <-stopped; lose(nil) }}
	// An elector tries for ever, whatever the API server says.
	doubt := time.NewTicker(duration)
	defer doubt.Stop()
	for {
		select {
		case <-started:
			return held, l, nil
		case <-doubt.C:
			if err = c.prepareAgain(ctx); err == nil {
				continue
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		l.end()
		return nil, nil, fmt.Errorf("wait for the lease of %s: %w", key, err)
	}
}

// mayLease asks whether leases may be taken.
func (c *Cluster) mayLease(ctx context.Context) error {
	probe := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-"}}
	_, err := c.leases.Leases(inventory.Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsForbidden(err) {
		return &render.Problem{
			Message: "Slipway's own identity may not take leases: " + err.Error(),
			Hint:    "apply the manifest in docs/deploying.md to the cluster",
		}
	}
	if err != nil {
		return fmt.Errorf("prepare leases: %w", err)
	}
	return nil
}
