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

// limits are those of the protocol.
type limits struct {
	overdue        time.Duration // for any answer to a key, before the sidecar's health is asked for
	quickHealth    time.Duration // for that answer
	healthInterval time.Duration // of the regular question
	healthLimit    time.Duration // for its answer
}

// usual gives a verdict on a sidecar after at most 40 s, or 3 s after a key.
var usual = limits{overdue: 2 * time.Second, quickHealth: time.Second, healthInterval: 10 * time.Second, healthLimit: 5 * time.Second}

const (
	goodbye       = 300 * time.Millisecond // for the last words of a command that was told to end
	lastWords     = 2 * time.Second        // for those that somebody counts on
	secondCtrlC   = 2 * time.Second        // two within it leave, whatever the command does
	recentCtrlC   = 10 * time.Second       // for which an unanswered one explains why the shim leaves
	healthMisses  = 3
	restartWindow = time.Minute
	maxRestarts   = 3
	maxUnserved   = 3                      // calls that a busy sidecar may cancel before it has seen them
	lastExit      = 500 * time.Millisecond // for the exit status of a process whose connection is gone
)
