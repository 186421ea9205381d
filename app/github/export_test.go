package github

import "time"

// SetClock makes the App read another clock.
func (a *App) SetClock(now func() time.Time) { a.now = now }
