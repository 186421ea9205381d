//go:build !step2

package handlers

// Jobs implements [Event] until commands are obeyed: nothing is done about a comment.
func (CommentEvent) Jobs() []Job { return nil }
