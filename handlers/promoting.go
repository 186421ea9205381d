package handlers

import (
	"context"

	"github.com/slipwayhq/slipway/handlers/command"
	"github.com/slipwayhq/slipway/handlers/report"
)

func (r *rollout) promote(ctx context.Context, job RunCommands, c command.Command) (report.CommandResult, error) {
	panic("not yet")
}
