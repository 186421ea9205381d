package app

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
)

// onMessage calls a function for each message that is logged.
type onMessage struct {
	slog.Handler
	heard func(message string)
}

// Handle implements [slog.Handler].
func (h onMessage) Handle(_ context.Context, record slog.Record) error {
	h.heard(record.Message)
	return nil
}

// Who only works jobs opens no public listener: it starts where another process, which
// takes deliveries, has that address already.
func TestWorkersListenNowhereInPublic(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for list, starts := range map[string]bool{"workers": true, "web": false, "web,workers": false} {
		c := testConfig(t)
		c.Server.Address, c.Server.InternalAddress = taken.Addr().String(), "127.0.0.1:0"
		if c.Roles, err = ParseRoles(list); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var serving atomic.Bool
		err := Run(ctx, c, "v0", slog.New(onMessage{slog.NewTextHandler(t.Output(), nil), func(message string) {
			if message == "serving" {
				serving.Store(true)
				cancel()
			}
		}}))
		cancel()
		if (err == nil) != starts || serving.Load() != starts {
			t.Errorf("%s: served %t, %v; want served %t", list, serving.Load(), err, starts)
		}
	}
}
