// Package shim runs one command of the sidecar on the user's terminal, from start to exit code.
package shim

import "time"

// Exit codes that the shim gives by itself. All others are the command's own.
const (
	exitFailure  = 1 // the sidecar could not start, or output could not be written
	exitUsage    = 2
	exitLost     = 70  // the sidecar ended, or stopped answering, in the middle
	exitSignal   = 128 // and the signal's number
	exitPipe     = 141 // nobody reads standard output any more
	exitTerminal = 129 // the terminal is gone, as for SIGHUP
)

// Options are what the command needs to know about its caller.
type Options struct {
	// Version of this program.
	Version string
	// Executable is this program.
	Executable string
	// Directory to run in, absolute; empty means the current one.
	Directory string
	// Environment as NAME=VALUE entries; the last of a name counts.
	Environment []string
}

// The limits below are those of the protocol, with the reason beside each.
const (
	goodbye        = 300 * time.Millisecond // for the last words of a command that was told to end
	secondCtrlC    = 2 * time.Second        // two within it leave, whatever the command does
	overdue        = 2 * time.Second        // for any answer to a key, before the sidecar's health is asked for
	quickHealth    = time.Second            // for that answer
	healthInterval = 10 * time.Second
	healthLimit    = 5 * time.Second
	healthMisses   = 3 // together at most 40 s until a verdict
	restartWindow  = time.Minute
	maxRestarts    = 3
	lastExit       = 500 * time.Millisecond // for the exit status of a process whose connection is gone
)
