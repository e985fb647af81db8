//go:build linux || darwin

package terminal

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// undo takes back what a cut-off screen program may have left: synchronized update, colours, no wrapping, bracketed
	// paste, mouse, hidden cursor, and half a composer.
	undo = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?2004l\x1b[?1000l\x1b[?1006l\x1b[?25h\r\n\x1b[J"
	// pause is what a stop needs on the screen; the program draws again afterwards.
	pause      = "\x1b[?2004l\x1b[?25h\r\n"
	unpaint    = "\r\x1b[K"
	chunkBytes = 16 << 10
	drainLimit = 100 * time.Millisecond
)

// ErrClosed is returned by writes after Close.
var ErrClosed = errors.New("the terminal was given back")

type mode int

const (
	cooked   mode = iota
	starting      // raw, but Ctrl-C and Ctrl-Z still make signals: nobody reads the keyboard yet
	raw
)

// Terminal is standard input, output and error of this process. Whatever happens, Close gives it back as it was found.
// It is safe for concurrent use.
type Terminal struct {
	stdin, stdout, stderr int
	saved                 *unix.Termios // of stdin; nil when that is no terminal
	isOutput              bool

	writing chan struct{} // one writer at a time; Close does not wait for a stuck one

	mu      sync.Mutex
	mode    mode
	resume  mode // to go back to after a stop
	painted bool
	dirty   bool
	closed  atomic.Bool // written under mu
}

// Open looks at the three standard streams and changes nothing.
func Open() *Terminal {
	t := &Terminal{
		stdin: int(os.Stdin.Fd()), stdout: int(os.Stdout.Fd()), stderr: int(os.Stderr.Fd()), writing: make(chan struct{}, 1),
	}
	if found, err := unix.IoctlGetTermios(t.stdin, getAttributes); err == nil {
		t.saved = found
	}
	t.isOutput = isTerminal(t.stdout)
	return t
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, getAttributes)
	return err == nil
}

// IsInput tells whether standard input is a terminal.
func (t *Terminal) IsInput() bool { return t.saved != nil }

// IsOutput tells whether standard output is a terminal.
func (t *Terminal) IsOutput() bool { return t.isOutput }

// IsError tells whether standard error is a terminal.
func (t *Terminal) IsError() bool { return isTerminal(t.stderr) }

// IsRaw tells whether keys go to the command.
func (t *Terminal) IsRaw() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mode == raw
}

// Size returns rows and columns, 24 and 80 where nothing knows better.
func (t *Terminal) Size() (rows, columns uint32) {
	for _, fd := range []int{t.stdout, t.stdin, t.stderr} {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err == nil && size.Row > 0 && size.Col > 0 {
			return uint32(size.Row), uint32(size.Col)
		}
	}
	return 24, 80
}

// Prepaint shows a line while the command starts and takes keys without echo, so that what is typed ahead arrives
// intact. The line goes with the first thing that the command does.
func (t *Terminal) Prepaint(line string) {
	t.setMode(starting)
	t.mu.Lock()
	t.painted = true
	t.mu.Unlock()
	_ = t.write(t.stdout, []byte(line+"\r"))
}

// EndPrepaint clears the line of Prepaint; the keyboard becomes cooked unless the command is about to take it raw.
func (t *Terminal) EndPrepaint(becomesRaw bool) {
	t.mu.Lock()
	painted := t.painted
	t.painted = false
	isStarting := t.mode == starting
	t.mu.Unlock()
	if painted {
		_ = t.write(t.stdout, []byte(unpaint))
	}
	if isStarting && !becomesRaw {
		t.setMode(cooked)
	}
}

// SetRaw gives every key to the command. Output processing stays on, and what was typed before is kept.
func (t *Terminal) SetRaw() { t.setMode(raw) }

// SetCooked brings back the modes in which the terminal was found.
func (t *Terminal) SetCooked() { t.setMode(cooked) }

func (t *Terminal) setMode(wanted mode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return
	}
	t.resume = wanted
	t.apply(wanted)
}

// apply changes the attributes; t.mu is held. The flags are those of prompt_toolkit's raw mode.
func (t *Terminal) apply(wanted mode) {
	if t.saved == nil || t.mode == wanted {
		return
	}
	attributes := *t.saved
	if wanted != cooked {
		attributes.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
		attributes.Iflag &^= unix.IXON | unix.IXOFF | unix.ICRNL | unix.INLCR | unix.IGNCR
		attributes.Cc[unix.VMIN], attributes.Cc[unix.VTIME] = 1, 0
	}
	if wanted == starting {
		attributes.Lflag |= unix.ISIG | unix.NOFLSH
	}
	if unix.IoctlSetTermios(t.stdin, setAttributes, &attributes) == nil {
		t.mode = wanted
	}
}

// Pause makes the terminal cooked for a stop of this process; Resume undoes it.
func (t *Terminal) Pause() {
	if t.IsRaw() && t.isOutput {
		_ = t.write(t.stdout, []byte(pause))
	}
	t.PauseModes()
}

// PauseModes is Pause for a command that has put its own screen in order.
func (t *Terminal) PauseModes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.apply(cooked)
}

// Resume brings back the mode from before Pause.
func (t *Terminal) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed.Load() {
		t.apply(t.resume)
	}
}

// WriteOut writes all of data to standard output, and blocks as long as that takes nothing.
func (t *Terminal) WriteOut(data []byte) error {
	t.markDirty()
	return t.write(t.stdout, data)
}

// WriteError writes all of data to standard error.
func (t *Terminal) WriteError(data []byte) error {
	t.markDirty()
	return t.write(t.stderr, data)
}

func (t *Terminal) markDirty() {
	t.mu.Lock()
	t.dirty = true
	t.mu.Unlock()
}

func (t *Terminal) write(fd int, data []byte) error {
	for len(data) > 0 {
		t.writing <- struct{}{}
		n, err := t.writeChunk(fd, data[:min(len(data), chunkBytes)])
		<-t.writing
		if errors.Is(err, unix.EAGAIN) { // somebody made the shared terminal non-blocking
			waitWritable(fd, time.Second)
			continue
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

func (t *Terminal) writeChunk(fd int, chunk []byte) (int, error) {
	if t.closed.Load() {
		return 0, ErrClosed
	}
	return unix.Write(fd, chunk)
}

// Reset brings the terminal back from a command that was cut off in the middle; it may be used again afterwards. It
// never waits longer than 200 ms for a terminal that takes nothing.
func (t *Terminal) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reset()
}

// Close is Reset for the last time: whatever comes later changes nothing.
func (t *Terminal) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed.Swap(true) {
		t.reset()
	}
}

func (t *Terminal) reset() {
	var left string
	switch {
	case t.painted:
		left = unpaint
	case t.mode == raw && t.dirty:
		left = undo
	}
	t.painted, t.dirty, t.resume = false, false, cooked
	t.apply(cooked)
	if left == "" || !t.isOutput {
		return
	}
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	case <-time.After(drainLimit):
		return
	}
	if waitWritable(t.stdout, drainLimit) {
		_, _ = unix.Write(t.stdout, []byte(left))
	}
}
