package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// postgres is a PostgreSQL database, shared by any number of processes.
type postgres struct {
	pool   *pgxpool.Pool
	driver *riverpgxv5.Driver
	client *river.Client[pgx.Tx] // inserts
	worker *river.Client[pgx.Tx] // works; may be nil
	fill   *strings.Replacer
}

var postgresDialect = dialect{
	now:      `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`,
	lock:     `FOR UPDATE`,
	id:       `nextval(pg_get_serial_sequence('river_job', 'id'))`,
	worker:   `attempted_by[array_upper(attempted_by, 1)]`,
	key:      `args->>'key'`,
	refenced: `jsonb_set(args, '{fence}', to_jsonb($2::text))`,
	moment:   `clock_timestamp()`,
	later:    `(clock_timestamp() + make_interval(secs => $3::float8 / 1000))`,
	big:      `bigint`,
}

// connections bounds what one process opens, where the address does not say.
const connections = 12

func openPostgres(ctx context.Context, address string) (*postgres, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = connections
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "slipway"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return &postgres{pool: pool, driver: riverpgxv5.New(pool), fill: postgresDialect.statements()}, nil
}

func (d *postgres) shared() bool     { return true }
func (d *postgres) dialect() dialect { return postgresDialect }

func (d *postgres) inTx(ctx context.Context, do func(tx) error) error {
	return pgx.BeginFunc(ctx, d.pool, func(t pgx.Tx) error { return do(&postgresTx{d, t}) })
}

func (d *postgres) read(ctx context.Context, do func(tx) error) error {
	return pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error { return do(&postgresTx{d, t}) })
}

func (d *postgres) migrate(ctx context.Context, log *slog.Logger) error {
	return migrateRiver(ctx, d.driver, log)
}

// migrating is the advisory lock under which the schema changes.
const migrating = 0x736c6970776179 // slipway

func (d *postgres) locked(ctx context.Context, do func() error) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("lock the schema: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrating)); err != nil {
		return fmt.Errorf("lock the schema: %w", err)
	}
	err = do()
	if _, unlock := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrating)); unlock != nil {
		_ = conn.Hijack().Close(context.WithoutCancel(ctx)) // the lock ends with its connection
	}
	return err
}

func (d *postgres) connect(config *river.Config) (err error) {
	d.client, err = river.NewClient(d.driver, config)
	return err
}

func (d *postgres) start(ctx context.Context, config *river.Config) (err error) {
	if d.worker, err = river.NewClient(d.driver, config); err != nil {
		return err
	}
	return d.worker.Start(ctx)
}

func (d *postgres) stop(ctx context.Context) error { return stopClient(ctx, d.worker) }

func (d *postgres) pages(ctx context.Context, prefix string, log *slog.Logger) (http.Handler, error) {
	return riverPages(ctx, d.client, prefix, log)
}

func (d *postgres) close() error {
	d.pool.Close()
	return nil
}

type postgresTx struct {
	d *postgres
	t pgx.Tx
}

func (t *postgresTx) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := t.t.Exec(ctx, t.d.fill.Replace(statement), args...)
	return tag.RowsAffected(), err
}

func (t *postgresTx) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	rows, err := t.t.Query(ctx, t.d.fill.Replace(statement), args...)
	if err != nil {
		return err
	}
	return eachPostgresRow(rows, each)
}

func eachPostgresRow(rows pgx.Rows, each func(scan) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t *postgresTx) parts(ctx context.Context, parts ...part) (err error) {
	var batch pgx.Batch
	for _, p := range parts {
		statement := t.d.fill.Replace(p.statement)
		for _, a := range p.args {
			batch.Queue(statement, a...)
		}
	}
	if batch.Len() == 0 {
		return nil
	}
	results := t.t.SendBatch(ctx, &batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	for _, p := range parts {
		for i := range p.args {
			rows, err := results.Query()
			if err != nil {
				return err
			}
			if err := eachPostgresRow(rows, func(s scan) error { return p.each(i, s) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *postgresTx) jobs(ctx context.Context, jobs []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	return t.d.client.InsertManyTx(ctx, t.t, jobs)
}

func (t *postgresTx) river() riverdriver.ExecutorTx { return t.d.driver.UnwrapExecutor(t.t) }
