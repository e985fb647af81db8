//go:build linux || darwin

package shim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/terminal"
)

// Run runs a command of the sidecar and returns its exit code. Whatever happens, the terminal is given back as it was
// found, and what went wrong is said on standard error.
func Run(arguments []string, options Options) int {
	sidecar.Hide()
	r := newRunner(arguments, options)
	defer r.signals.Stop()
	defer r.terminal.Close()
	defer r.rescue()
	return r.prepareAndRun()
}

func newRunner(arguments []string, options Options) *runner {
	return &runner{
		arguments: arguments,
		options:   options,
		umask:     readUmask(),
		terminal:  terminal.Open(),
		signals:   terminal.Listen(), // before the terminal can become raw
		limits:    usual,
		typed:     make(chan struct{}, 1),
	}
}

// prepareAndRun checks what the caller gave and takes the keyboard.
func (r *runner) prepareAndRun() int {
	arguments := r.arguments
	if i := slices.IndexFunc(arguments, func(a string) bool { return !utf8.ValidString(a) }); i >= 0 {
		return r.fail(exitUsage, fmt.Sprintf("argument %d (%q) is not UTF-8; write it so", i+1, arguments[i]))
	}
	if r.options.Directory == "" {
		directory, err := os.Getwd()
		if err != nil {
			return r.fail(exitFailure, fmt.Sprintf("the current folder cannot be found: %v; change to one that exists", err))
		}
		r.options.Directory = directory
	}
	keyboard, err := r.terminal.NewKeyboard(r.deliver, r.watched)
	if err != nil {
		return r.fail(exitFailure, err.Error())
	}
	r.keyboard = keyboard
	r.guard(keyboard.Serve)
	defer keyboard.Stop()
	if r.wantsPrepaint() {
		r.terminal.Prepaint("\x1b[2mstarting…\x1b[0m")
	}
	return r.run()
}

// runner is one call of Run.
type runner struct {
	arguments   []string
	options     Options
	umask       uint32
	terminal    *terminal.Terminal
	signals     *terminal.Signals
	limits      limits
	keyboard    *terminal.Keyboard
	typed       chan struct{} // something was typed while the keyboard was watched
	ctrlCs      atomic.Int32  // in what the sidecar has not answered to
	current     streamSlot    // where what was pulled goes
	resumeToken string
	farewell    atomic.Pointer[[]byte] // for standard output when the run ends without an exit code
	restarts    []time.Time
}

// run starts a sidecar, attends to it, and starts another while the command can be resumed.
func (r *runner) run() int {
	for {
		peer, code := r.start()
		if peer == nil {
			return code
		}
		end := r.serve(peer)
		switch {
		case end.clean:
			r.terminal.Close()
			peer.Release()
			return end.code
		case end.unserved && peer.IsWarm(): // it was about to leave when this run came
			peer.Release()
		case end.lost != nil && r.mayRestart():
			r.terminal.Reset()
			r.say(r.describeLoss(peer, end.lost) + "; starting it again")
			peer.Stop()
		case end.lost != nil:
			r.sayFarewell()
			r.terminal.Close()
			r.say(r.describeLoss(peer, end.lost) + "\n" + howToGoOn)
			peer.Stop()
			return exitLost
		default:
			if end.code != exitPipe {
				r.sayFarewell()
			}
			r.terminal.Close()
			if end.message != "" {
				r.say(end.message)
			}
			peer.Stop()
			return end.code
		}
	}
}

// start starts a sidecar; a nil one comes with the exit code. A signal in the meantime ends the start.
func (r *runner) start() (*sidecar.Sidecar, int) {
	type started struct {
		peer *sidecar.Sidecar
		err  error
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result := make(chan started, 1)
	r.guard(func() {
		peer, err := sidecar.Start(ctx, sidecar.Options{
			Executable: r.options.Executable, Version: r.options.Version,
			Directory: r.options.Directory, Environment: r.options.Environment, Arguments: r.arguments,
		})
		result <- started{peer, err}
	})
	for {
		select {
		case got := <-result:
			if got.err == nil {
				return got.peer, 0
			}
			code := exitFailure
			if len(r.restarts) > 0 {
				code = exitLost
			}
			return nil, r.fail(code, got.err.Error())
		case caught := <-r.signals.Caught:
			if code := r.stopOrGoOn(caught); code != 0 {
				r.terminal.Close()
				cancel()
				if got := <-result; got.peer != nil {
					got.peer.Stop()
				}
				return nil, code
			}
		}
	}
}

// stopOrGoOn handles a signal while no command can; it returns the exit code for those that end the shim.
func (r *runner) stopOrGoOn(caught os.Signal) int {
	switch caught {
	case syscall.SIGTSTP:
		r.terminal.Pause()
		terminal.StopProcess()
	case syscall.SIGCONT:
		r.terminal.Resume()
	default:
		return exitSignal + number(caught)
	}
	return 0
}

func number(caught os.Signal) int {
	signal, _ := caught.(syscall.Signal)
	return int(signal)
}

// mayRestart allows three restarts a minute, and only for a command that has said how to go on.
func (r *runner) mayRestart() bool {
	now := time.Now()
	r.restarts = slices.DeleteFunc(r.restarts, func(earlier time.Time) bool { return now.Sub(earlier) > restartWindow })
	if r.resumeToken == "" || len(r.restarts) >= maxRestarts {
		return false
	}
	r.restarts = append(r.restarts, now)
	return true
}

const howToGoOn = "What was said until then is stored. Go on with: atmos-ai chat --session NAME (atmos-ai sessions list shows the names)"

func (r *runner) describeLoss(peer *sidecar.Sidecar, lost error) string {
	exit := peer.WaitExit(lastExit)
	if exit == "" {
		fate := "is being ended"
		if peer.IsWarm() {
			fate = "is left to its other runs"
		}
		return fmt.Sprintf("the assistant process stopped answering (%v) and %s", lost, fate)
	}
	text := fmt.Sprintf("the assistant process ended unexpectedly (%s)", exit)
	if words := peer.LastWords(); words != "" {
		text += "; it said:\n" + words
	}
	return text
}

// sayFarewell writes what the sidecar has left for the case that it cannot write any more. Whoever does not read is not
// waited for.
func (r *runner) sayFarewell() {
	words := r.farewell.Load()
	if words == nil || len(*words) == 0 {
		return
	}
	done := make(chan struct{})
	r.guard(func() {
		defer close(done)
		_ = r.terminal.WriteOut(*words) // there is nobody left to tell
	})
	select {
	case <-done:
	case <-time.After(lastWords):
	}
}

// goodbye is how long a command that was told to end has for its last words; one whose reader counts on them has longer.
func (r *runner) goodbye() time.Duration {
	if words := r.farewell.Load(); words != nil && len(*words) > 0 {
		return lastWords
	}
	return goodbye
}

// fail gives the terminal back and says why.
func (r *runner) fail(code int, message string) int {
	r.terminal.Close()
	r.say(message)
	return code
}

func (r *runner) say(message string) { fmt.Fprintln(os.Stderr, "atmos-ai: "+message) }

// wantsPrepaint tells whether the command will most likely draw on the terminal. It is a guess that only a first line on
// the screen depends on: options are the sidecar's to understand.
func (r *runner) wantsPrepaint() bool {
	kind := os.Getenv("TERM")
	if !r.terminal.IsInput() || !r.terminal.IsOutput() || kind == "" || kind == "dumb" {
		return false
	}
	if slices.ContainsFunc(r.arguments, func(a string) bool { return a == "--help" || a == "-h" || a == "--plain" }) {
		return false
	}
	return len(r.arguments) == 0 || r.arguments[0] == "chat" || r.arguments[0] == "demo"
}

// guard runs work on a goroutine that cannot take the terminal with it when it panics.
func (r *runner) guard(work func()) {
	go func() {
		defer r.rescue()
		work()
	}()
}

// rescue must be deferred. Ending the process also ends the life line, and so the sidecar.
func (r *runner) rescue() {
	if failure := recover(); failure != nil {
		r.terminal.Close()
		r.say(fmt.Sprintf("this is a bug: %v\n%s", failure, debug.Stack()))
		os.Exit(exitLost)
	}
}

// writeEnd translates an error of standard output into an end of the run.
func writeEnd(err error) end {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return end{code: exitPipe}
	case errors.Is(err, syscall.EIO), errors.Is(err, terminal.ErrClosed):
		return end{code: exitTerminal}
	}
	return end{code: exitFailure, message: fmt.Sprintf("the output cannot be written: %v", err)}
}
