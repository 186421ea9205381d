package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// A tx is one transaction. Statements number their arguments $1, $2, …, and may
// hold {now}, the database's clock in milliseconds since 1970, and {lock}, which
// makes a SELECT keep its rows until the transaction ends.
type tx interface {
	// exec runs a statement and returns how many rows it touched.
	exec(ctx context.Context, statement string, args ...any) (int64, error)
	// query calls each for every row.
	query(ctx context.Context, statement string, args []any, each func(scan) error) error
	// parts runs statements in one round trip, where the database is elsewhere.
	parts(ctx context.Context, parts ...part) error
	// jobs inserts jobs of River's; no two of them of one key.
	jobs(ctx context.Context, jobs []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
	// river is River's own view of the transaction.
	river() riverdriver.ExecutorTx
}

// A part is a statement that is run once for each list of arguments; each is called
// with the index of the list for every row that it returns.
type part struct {
	statement string
	args      [][]any
	each      func(i int, s scan) error
}

// many runs one part.
func many(ctx context.Context, t tx, statement string, args [][]any, each func(i int, s scan) error) error {
	return t.parts(ctx, part{statement, args, each})
}

// scan reads the columns of a row.
type scan func(into ...any) error

// A database is where jobs are kept: SQLite or PostgreSQL.
type database interface {
	// inTx runs do in a transaction that is committed where do returns nil.
	inTx(ctx context.Context, do func(tx) error) error
	// read runs do in a transaction that only reads, and waits for no writer.
	read(ctx context.Context, do func(tx) error) error
	// shared reports whether other processes may work the same jobs.
	shared() bool
	// dialect says what differs in what it is asked.
	dialect() dialect
	// migrate brings River's tables up to date; the caller holds the lock of locked.
	migrate(ctx context.Context, log *slog.Logger) error
	// locked runs do while no other process migrates.
	locked(ctx context.Context, do func() error) error
	// connect makes the client of River's that inserts.
	connect(config *river.Config) error
	// start makes the client of River's that works, and starts it.
	start(ctx context.Context, config *river.Config) error
	stop(ctx context.Context) error // ends gently, and hard once ctx has ended
	// pages are River's own web pages below prefix.
	pages(ctx context.Context, prefix string, log *slog.Logger) (http.Handler, error)
	close() error
}

// A dialect is what the two databases say differently.
type dialect struct {
	now, lock string
	// id is an expression for the id of a job of River's that was never used.
	id string
	// worker is an expression for the client that works a job of River's.
	worker string
	// key is an expression for the key in the arguments of a job of River's.
	key string
	// refenced is an expression for those arguments with the fence $2.
	refenced string
	// moment is an expression for the time now in a column of River's.
	moment string
	// later is an expression for $3 milliseconds after that.
	later string
	// big is the type of a number of 64 bits.
	big string
}

// statements fills in what statements hold. more are further pairs of old and new.
func (d dialect) statements(more ...string) *strings.Replacer {
	numbered := strings.NewReplacer(more...)
	return strings.NewReplacer(append(more, "{now}", d.now, "{lock}", d.lock, "{id}", d.id, "{worker}", d.worker, "{key}", d.key,
		"{refenced}", numbered.Replace(d.refenced), "{moment}", d.moment, "{later}", numbered.Replace(d.later), "{big}", d.big)...)
}

// ErrLocked says that another process works on the same SQLite file.
var ErrLocked = errors.New("another slipway process uses it; stop that first, or give a PostgreSQL database to share the work between several")

// open opens the database of an address: postgres://…, or the path of an SQLite file.
// exclusive locks the latter, so that no other process works its jobs.
func open(ctx context.Context, address string, exclusive bool) (database, error) {
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		return openPostgres(ctx, address)
	}
	if scheme, _, ok := strings.Cut(address, "://"); ok {
		return nil, fmt.Errorf("database: %s:// is unknown; give postgres://…, or the path of an SQLite file", scheme)
	}
	return openSQLite(ctx, address, exclusive)
}
