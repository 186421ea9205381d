package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// migrations are the versions of Slipway's own tables, oldest first. A released one is
// never edited. Each only adds, so that the version of Slipway before it works on
// with what it made.
var migrations = [][]string{{
	`CREATE TABLE slipway_delivery (
		id text PRIMARY KEY,
		at {big} NOT NULL)`,
	`CREATE INDEX slipway_delivery_at ON slipway_delivery (at)`,
	`CREATE TABLE slipway_work (
		key text PRIMARY KEY,
		generation {big} NOT NULL,
		kind text NOT NULL,
		payload text NOT NULL,
		installation {big} NOT NULL,
		asked_at {big} NOT NULL,
		delivery text NOT NULL,
		traceparent text NOT NULL,
		fence text NOT NULL,
		claim {big} NOT NULL DEFAULT 0,
		owner text,
		working {big},
		working_kind text,
		working_payload text,
		interrupt {big} NOT NULL DEFAULT 0,
		cancelled {big} NOT NULL DEFAULT 0,
		tries integer NOT NULL DEFAULT 0,
		crashes integer NOT NULL DEFAULT 0,
		paused_until {big} NOT NULL DEFAULT 0,
		error text NOT NULL DEFAULT '',
		error_at {big} NOT NULL DEFAULT 0,
		failed integer NOT NULL DEFAULT 0)`,
	`CREATE INDEX slipway_work_owner ON slipway_work (owner) WHERE owner IS NOT NULL`,
	`CREATE INDEX slipway_work_installation ON slipway_work (installation) WHERE failed = 0`,
	`CREATE INDEX slipway_work_state ON slipway_work (failed, kind, owner, asked_at)`,
	`CREATE INDEX slipway_work_error ON slipway_work (error_at) WHERE error_at > 0`,
	`CREATE TABLE slipway_replica (
		id text PRIMARY KEY,
		beats {big} NOT NULL,
		at {big} NOT NULL)`,
	`CREATE TABLE slipway_clock (
		name text PRIMARY KEY,
		at {big} NOT NULL)`,
}, {
	`ALTER TABLE slipway_work ADD COLUMN alone integer NOT NULL DEFAULT 0`, // see blame.go
	// Who waits is asked often, and is not to read rows, in which a payload comes first.
	`CREATE INDEX slipway_work_waiting ON slipway_work (installation, asked_at, paused_until) WHERE failed = 0 AND owner IS NULL`,
}}

// The errors of a schema that does not fit.
var (
	errSchemaOld = errors.New("the database's tables are of an older version; run slipway migrate")
	errSchemaNew = errors.New("the database's tables are of a much newer version; run that version of Slipway, or restore a backup from before it")
)

// migrateAll brings River's tables and our own up to date, under a lock. It returns
// how many versions of our own were applied.
func migrateAll(ctx context.Context, d database, log *slog.Logger) (applied int, err error) {
	err = d.locked(ctx, func() error {
		if err := d.migrate(ctx, log); err != nil {
			return fmt.Errorf("migrate River's tables: %w", err)
		}
		return d.inTx(ctx, func(t tx) error {
			if _, err := t.exec(ctx, `CREATE TABLE IF NOT EXISTS slipway_migration (version integer PRIMARY KEY, at {big} NOT NULL)`); err != nil {
				return fmt.Errorf("migrate: %w", err)
			}
			at, err := version(ctx, t)
			if err != nil {
				return err
			}
			for ; at < len(migrations); at++ {
				for _, statement := range migrations[at] {
					if _, err := t.exec(ctx, statement); err != nil {
						return fmt.Errorf("migrate to version %d: %w", at+1, err)
					}
				}
				if _, err := t.exec(ctx, `INSERT INTO slipway_migration (version, at) VALUES ($1, {now})`, at+1); err != nil {
					return fmt.Errorf("migrate to version %d: %w", at+1, err)
				}
				applied++
			}
			return fits(at)
		})
	})
	return applied, err
}

// version returns the version of our own tables; 0 where there are none.
func version(ctx context.Context, t tx) (at int, err error) {
	err = t.query(ctx, `SELECT coalesce(max(version), 0) FROM slipway_migration`, nil, func(s scan) error { return s(&at) })
	if err != nil {
		return 0, fmt.Errorf("read the version of the tables: %w", err)
	}
	return at, nil
}

// fits says whether this version of Slipway can work with the tables. Those of the
// next version it can, so that an upgrade can be taken back.
func fits(at int) error {
	switch {
	case at < len(migrations):
		return errSchemaOld
	case at > len(migrations)+1:
		return errSchemaNew
	}
	return nil
}

func migrateRiver[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
