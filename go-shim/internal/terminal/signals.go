//go:build linux || darwin

package terminal

import (
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals are those that a command on a terminal has to know about.
type Signals struct {
	// Caught carries INT, TERM, HUP, QUIT, TSTP and CONT, but those that this process was started to ignore.
	Caught chan os.Signal
	// Resized says that the size may have changed. A storm of changes is one.
	Resized chan os.Signal
}

// Listen starts catching, and ends all other catching of these signals in this process: a program that we are a part of
// may exit at once on one of them, before the terminal is restored. Call it before the terminal becomes raw.
func Listen() *Signals {
	s := &Signals{Caught: make(chan os.Signal, 64), Resized: make(chan os.Signal, 1)}
	caught := []os.Signal{syscall.SIGCONT}
	for _, wanted := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP} {
		if !signal.Ignored(wanted) { // nohup and `command &` mean it
			caught = append(caught, wanted)
		}
	}
	signal.Reset(caught...)
	signal.Notify(s.Caught, caught...)
	signal.Notify(s.Resized, syscall.SIGWINCH)
	return s
}

// Stop ends catching.
func (s *Signals) Stop() {
	signal.Stop(s.Caught)
	signal.Stop(s.Resized)
}

// Name is a signal's name without SIG.
func Name(caught os.Signal) string {
	number, _ := caught.(syscall.Signal)
	return strings.TrimPrefix(unix.SignalName(number), "SIG")
}

// StopProcess stops this process until a SIGCONT. It is SIGSTOP, because a program that has ever caught SIGTSTP does not
// get its default back.
func StopProcess() { _ = unix.Kill(unix.Getpid(), unix.SIGSTOP) }

// StopGroup stops the whole job, as Ctrl-Z does on a cooked terminal.
func StopGroup() { _ = unix.Kill(0, unix.SIGSTOP) }
