package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	sqlitelib "modernc.org/sqlite"
	sqlitecodes "modernc.org/sqlite/lib"
)

// sqlite is an SQLite file, worked by one process.
type sqlite struct {
	path    string
	writer  *sql.DB // one connection: SQLite has one writer at a time
	reader  *sql.DB // what only reads does not wait for the writer
	driver  *riversqlite.Driver
	client  *river.Client[*sql.Tx] // inserts
	worker  *river.Client[*sql.Tx] // works; may be nil
	fill    *strings.Replacer
	release func() error
}

var sqliteDialect = dialect{
	now:      `CAST(unixepoch('subsec') * 1000 AS INTEGER)`,
	lock:     ``, // a transaction that writes has locked everything
	id:       `(SELECT max(id) + 1 FROM river_job)`,
	worker:   `json_extract(attempted_by, '$[#-1]')`,
	key:      `json_extract(args, '$.key')`,
	refenced: `jsonb_set(args, '$.fence', $2)`,
	moment:   `datetime('now', 'subsec')`,
	later:    `datetime('now', 'subsec', ($3 / 1000.0) || ' seconds')`,
	big:      `integer`,
}

// openSQLite opens the file, made where there is none.
func openSQLite(ctx context.Context, path string, exclusive bool) (_ *sqlite, err error) {
	d := &sqlite{path: path, release: func() error { return nil }, fill: sqliteDialect.statements("$1", "?1", "$2", "?2", "$3", "?3", "$4", "?4", "$5", "?5", "$6", "?6", "$7", "?7", "$8", "?8", "$9", "?9")}
	if exclusive {
		if d.release, err = lockFile(path + ".lock"); err != nil {
			return nil, d.named(err)
		}
	} else if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	address := func(query string) string {
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&" + query
	}
	if d.writer, err = sql.Open("sqlite", address("_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")); err != nil {
		return nil, errors.Join(d.named(err), d.release())
	}
	d.writer.SetMaxOpenConns(1)
	d.writer.SetMaxIdleConns(1)
	if exclusive {
		if err := d.writable(ctx); err != nil {
			return nil, errors.Join(d.named(err), d.close())
		}
	}
	if d.reader, err = sql.Open("sqlite", address("mode=ro&_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(d.named(err), d.close())
	}
	d.reader.SetMaxOpenConns(2)
	d.driver = riversqlite.New(d.writer)
	return d, nil
}

// checked is up to which size a file is looked at whole at the start. That takes about
// a tenth of a second; damage of a larger one is told when it is met.
const checked = 32 << 20

// writable finds out early what would fail at some delivery: a file that is no
// database, is damaged, or may not be written.
func (d *sqlite) writable(ctx context.Context) error {
	if _, err := d.writer.ExecContext(ctx, `PRAGMA user_version = 1`); err != nil {
		return err
	}
	if file, err := os.Stat(d.path); err != nil || file.Size() > checked {
		return err
	}
	found := ""
	if err := d.writer.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, found)
	}
	return nil
}

// errDamaged says that SQLite's own check found damage.
var errDamaged = errors.New("the check failed")

// named says which file an error is about, and what to do where that is known.
func (d *sqlite) named(err error) error {
	if err == nil {
		return nil
	}
	advice := ""
	var failed *sqlitelib.Error
	code := 0
	if errors.As(err, &failed) {
		code = failed.Code() & 0xff
	}
	switch {
	case code == sqlitecodes.SQLITE_CORRUPT, code == sqlitecodes.SQLITE_NOTADB, errors.Is(err, errDamaged):
		advice = "; the file is damaged: restore it from a backup, or move it away together with its -wal and -shm files to start with an empty queue, which a sweep fills again"
	case code == sqlitecodes.SQLITE_READONLY, code == sqlitecodes.SQLITE_CANTOPEN, code == sqlitecodes.SQLITE_PERM,
		errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		advice = "; the file and its directory must be writable for the user that Slipway runs as"
	case code == sqlitecodes.SQLITE_FULL, code == sqlitecodes.SQLITE_IOERR, errors.Is(err, syscall.ENOSPC):
		advice = "; is the disk full?"
	}
	return fmt.Errorf("database %s: %w%s", d.path, err, advice)
}

func (d *sqlite) shared() bool     { return false }
func (d *sqlite) dialect() dialect { return sqliteDialect }

func (d *sqlite) inTx(ctx context.Context, do func(tx) error) error { return d.in(ctx, d.writer, do) }
func (d *sqlite) read(ctx context.Context, do func(tx) error) error { return d.in(ctx, d.reader, do) }

func (d *sqlite) in(ctx context.Context, db *sql.DB, do func(tx) error) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return d.named(err)
	}
	if err := do(&sqliteTx{d, t}); err != nil {
		return errors.Join(err, ended(t.Rollback()))
	}
	return d.named(t.Commit())
}

// ended forgives a rollback of what has ended already.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func (d *sqlite) migrate(ctx context.Context, log *slog.Logger) error {
	return d.named(migrateRiver(ctx, d.driver, log))
}

func (d *sqlite) locked(_ context.Context, do func() error) error { return do() } // the file is

func (d *sqlite) connect(config *river.Config) (err error) {
	d.client, err = river.NewClient(d.driver, config)
	return err
}

// start takes over the leadership that a process which is gone held.
func (d *sqlite) start(ctx context.Context, config *river.Config) (err error) {
	err = d.inTx(ctx, func(t tx) error {
		_, err := t.exec(ctx, `DELETE FROM river_leader`)
		return err
	})
	if err != nil {
		return fmt.Errorf("take over from the last process: %w", err)
	}
	if d.worker, err = river.NewClient(d.driver, config); err != nil {
		return err
	}
	return d.worker.Start(ctx)
}

func (d *sqlite) stop(ctx context.Context) error { return stopClient(ctx, d.worker) }

func (d *sqlite) pages(ctx context.Context, prefix string, log *slog.Logger) (http.Handler, error) {
	return riverPages(ctx, d.client, prefix, log)
}

func (d *sqlite) close() error {
	var errs []error
	for _, db := range []*sql.DB{d.reader, d.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, d.release())...)
}

type sqliteTx struct {
	d *sqlite
	t *sql.Tx
}

func (t *sqliteTx) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := t.t.ExecContext(ctx, t.d.fill.Replace(statement), args...)
	if err != nil {
		return 0, t.d.named(err)
	}
	return result.RowsAffected()
}

func (t *sqliteTx) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	rows, err := t.t.QueryContext(ctx, t.d.fill.Replace(statement), args...)
	if err != nil {
		return t.d.named(err)
	}
	return t.d.named(eachSQLiteRow(rows, each))
}

func eachSQLiteRow(rows *sql.Rows, each func(scan) error) error {
	defer func() { _ = rows.Close() }() // its error is Err's
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t *sqliteTx) parts(ctx context.Context, parts ...part) error {
	for _, p := range parts {
		if err := t.part(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTx) part(ctx context.Context, p part) (err error) {
	if len(p.args) == 0 {
		return nil
	}
	prepared, err := t.t.PrepareContext(ctx, t.d.fill.Replace(p.statement))
	if err != nil {
		return t.d.named(err)
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	for i, a := range p.args {
		rows, err := prepared.QueryContext(ctx, a...)
		if err != nil {
			return t.d.named(err)
		}
		if err := eachSQLiteRow(rows, func(s scan) error { return p.each(i, s) }); err != nil {
			return t.d.named(err)
		}
	}
	return nil
}

func (t *sqliteTx) jobs(ctx context.Context, jobs []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	return t.d.client.InsertManyTx(ctx, t.t, jobs)
}

func (t *sqliteTx) river() riverdriver.ExecutorTx { return t.d.driver.UnwrapExecutor(t.t) }
