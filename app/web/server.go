// Package web turns what the service does into HTTP: a public listener for
// GitHub's deliveries, the configuration's JSON Schema and a page that says what
// this is; an internal one, on loopback or behind a token, for health, metrics and
// status; and the page that registers the GitHub App, once.
//
// It knows no GitHub library, no queue and no cluster: what it serves is handed
// to it as handlers, bytes and functions.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits on connections. GitHub itself waits ten seconds for an answer.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 20 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 64 << 10
	// drainTimeout bounds how long a stop waits for requests under way.
	drainTimeout = 15 * time.Second
)

// Listeners are where the service listens.
type Listeners struct {
	// Public may be nil: then no delivery is taken.
	Public net.Listener
	// Internal may be nil: then health, metrics and status are not served.
	Internal net.Listener
}

// Listen opens both addresses. A token is required where internal is not on
// loopback. An empty address opens none.
func Listen(ctx context.Context, public, internal, token string) (l Listeners, err error) {
	var config net.ListenConfig
	defer func() {
		if err != nil {
			l.close()
			l = Listeners{}
		}
	}()
	if public != "" {
		if l.Public, err = config.Listen(ctx, "tcp", public); err != nil {
			return l, fmt.Errorf("listen on %s: %w", public, err)
		}
	}
	if internal == "" {
		return l, nil
	}
	if l.Internal, err = config.Listen(ctx, "tcp", internal); err != nil {
		return l, fmt.Errorf("listen on %s: %w", internal, err)
	}
	if token == "" && !loopback(l.Internal.Addr()) {
		return l, fmt.Errorf("listen on %s: it is not on loopback, so it needs a bearer token", internal)
	}
	return l, nil
}

// Addresses are where there is a listener: public, internal; empty where there is none.
func (l Listeners) Addresses() (public, internal string) {
	if l.Public != nil {
		public = l.Public.Addr().String()
	}
	if l.Internal != nil {
		internal = l.Internal.Addr().String()
	}
	return public, internal
}

func (l Listeners) close() {
	for _, one := range []net.Listener{l.Public, l.Internal} {
		if one != nil {
			_ = one.Close() // nobody has connected
		}
	}
}

func loopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Serve serves both listeners until ctx ends, then lets requests under way finish.
func Serve(ctx context.Context, listeners Listeners, public, internal http.Handler, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	serve := func(l net.Listener, handler http.Handler) {
		server := &http.Server{
			Handler: logged(handler, log), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
			ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		}
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
			defer cancel()
			if err := server.Shutdown(drain); err != nil {
				_ = server.Close()
				return fmt.Errorf("stop serving %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	if listeners.Public != nil {
		serve(listeners.Public, public)
	}
	if listeners.Internal != nil {
		serve(listeners.Internal, internal)
	}
	return group.Wait()
}

// authenticated asks for the token: of programs as a bearer token, of people, whose
// browser asks them, as the password of whatever name. An empty one asks for nothing.
func authenticated(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := credential(r)
		sum := sha256.Sum256([]byte(given))
		if !ok || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
			// In two headers: not every browser finds the second scheme of one.
			w.Header().Add("WWW-Authenticate", `Basic realm="slipway", charset="UTF-8"`)
			w.Header().Add("WWW-Authenticate", `Bearer realm="slipway"`)
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// credential is the token that a request gives, in either form.
func credential(r *http.Request) (token string, ok bool) {
	if token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token, true
	}
	_, token, ok = r.BasicAuth()
	return token, ok
}
