//go:build linux || darwin

package sidecar

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	exitGrace = 250 * time.Millisecond
	termGrace = 3 * time.Second
)

// process is the sidecar as a child: its life line, its output and its end.
type process struct {
	command   *exec.Cmd
	directory string
	lifeLine  *os.File
	stdout    *os.File
	said      *ring
	saidAll   chan struct{}
	done      chan struct{}
}

// spawn starts the sidecar in a session of its own and hands it the bootstrap line. The pipe that carried the line
// stays open: its end tells the sidecar that we are gone.
func spawn(python Python, options Options, directory string, hello bootstrap) (*process, error) {
	line, err := hello.line()
	if err != nil {
		return nil, err
	}
	pipes, err := openPipes()
	if err != nil {
		return nil, err
	}
	command := exec.Command(python.Path, "-I", "-X", "utf8", "-m", "atmos_ai_sidecar", "serve")
	command.Dir = options.Directory
	command.Env = withoutPython(options.Environment)
	command.Stdin, command.Stdout, command.Stderr = pipes[0], pipes[3], pipes[5]
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = command.Start()
	for _, childs := range []*os.File{pipes[0], pipes[3], pipes[5]} {
		_ = childs.Close()
	}
	if err != nil {
		for _, ours := range []*os.File{pipes[1], pipes[2], pipes[4]} {
			_ = ours.Close()
		}
		return nil, err
	}
	p := &process{
		command: command, directory: directory, lifeLine: pipes[1], stdout: pipes[2],
		said: newRing(), saidAll: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(p.saidAll)
		_, _ = io.Copy(p.said, pipes[4])
		_ = pipes[4].Close()
	}()
	go func() {
		defer close(p.done)
		_ = command.Wait()
	}()
	_, err = p.lifeLine.Write(line) // far below what a pipe holds; a dead child shows as its missing handshake
	if errors.Is(err, unix.EPIPE) {
		err = nil
	}
	return p, err
}

// openPipes returns the reading and writing ends of three pipes.
func openPipes() ([6]*os.File, error) {
	var ends [6]*os.File
	for i := 0; i < len(ends); i += 2 {
		reading, writing, err := os.Pipe()
		if err != nil {
			for _, open := range ends[:i] {
				_ = open.Close()
			}
			return ends, err
		}
		ends[i], ends[i+1] = reading, writing
	}
	return ends, nil
}

// handshake waits for the handshake line and drains the output for ever after.
func (p *process) handshake(ctx context.Context) (*handshake, error) {
	type outcome struct {
		answer *handshake
		err    error
	}
	found := make(chan outcome, 1)
	go func() {
		output := bufio.NewReader(p.stdout)
		answer, err := readHandshake(output)
		found <- outcome{answer, err}
		_, _ = io.Copy(io.Discard, output)
		_ = p.stdout.Close()
	}()
	select {
	case got := <-found:
		return got.answer, got.err
	case <-ctx.Done():
		return nil, errTimeout(ctx)
	}
}

func errTimeout(ctx context.Context) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return &StartError{
		What:   "it did not answer in time",
		Remedy: "the machine may be busy: try again, or set " + startTimeoutVariable + " to more seconds",
	}
}

// end waits for the process to end by itself for a moment, then kills it and its group.
func (p *process) end(grace time.Duration) {
	if !p.waitDone(grace) {
		_ = unix.Kill(-p.command.Process.Pid, unix.SIGKILL)
		<-p.done
	}
	_ = p.lifeLine.Close()
	_ = os.RemoveAll(p.directory)
}

// stop is the ladder: end of the life line and SIGTERM, 3 s, SIGKILL. The process and its directory are gone afterwards.
func (p *process) stop() {
	_ = p.lifeLine.Close()
	if !p.isDone() {
		_ = p.command.Process.Signal(unix.SIGTERM)
	}
	p.end(termGrace)
}

// release ends the life line and leaves the rest to the sidecar, which removes its directory when it goes.
func (p *process) release() {
	_ = p.lifeLine.Close()
	if p.isDone() {
		_ = os.RemoveAll(p.directory)
	}
}

func (p *process) isDone() bool { return p.waitDone(0) }

func (p *process) waitDone(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// exit says how the process ended; empty while it runs.
func (p *process) exit() string {
	if !p.isDone() {
		return ""
	}
	status, _ := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return fmt.Sprintf("signal %d (%s)", status.Signal(), unix.SignalName(status.Signal()))
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}

// lastWords returns the end of stderr, complete when the process and all that shared it are gone.
func (p *process) lastWords() string {
	select {
	case <-p.saidAll:
	case <-time.After(exitGrace):
	}
	return p.said.String()
}

func (p *process) commandLine() string { return strings.Join(p.command.Args, " ") }
