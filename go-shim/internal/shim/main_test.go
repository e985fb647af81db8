//go:build linux

package shim

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

const runVariable = "SHIM_TEST_RUN"

// TestMain makes this binary three programs: the fake sidecar, the shim under test, and the tests.
func TestMain(m *testing.M) {
	fakesidecar.Main(scripts)
	options := Options{Version: "test", Executable: os.Args[0], Environment: os.Environ()}
	switch os.Getenv(runVariable) {
	case "usual":
		os.Exit(Run(os.Args[1:], options))
	case "impatient":
		r := newRunner(os.Args[1:], options)
		r.limits = limits{
			overdue: 100 * time.Millisecond, quickHealth: 50 * time.Millisecond,
			healthInterval: 100 * time.Millisecond, healthLimit: 50 * time.Millisecond,
		}
		code := r.prepareAndRun()
		r.terminal.Close()
		os.Exit(code)
	case "panic":
		r := newRunner(os.Args[1:], options)
		r.terminal.SetRaw()
		_ = r.terminal.WriteOut([]byte("drawing"))
		r.guard(func() { panic("on purpose") })
		select {}
	}
	stopIgnoring()
	os.Exit(m.Run())
}

// stopIgnoring catches the signals that nohup or `&` of a script made this process ignore: what it starts would too.
func stopIgnoring() {
	nobody := make(chan os.Signal, 1)
	for _, ignored := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(ignored) {
			signal.Notify(nobody, ignored)
		}
	}
}

// impatient makes a shim that finds a sidecar frozen after a moment.
func impatient(command *exec.Cmd) *exec.Cmd {
	command.Env = append(command.Env, runVariable+"=impatient")
	return command
}
