//go:build linux || darwin

package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// reactionTime is how long keys that were meant for something else may still arrive.
	reactionTime  = 300 * time.Millisecond
	pasteOn       = "\x1b[?2004h"
	pasteOff      = "\x1b[?2004l"
	maxAnswer     = 4096
	pastedMessage = "pasted text and control keys do not answer; please type it"
)

// Questions asks on the controlling terminal, line by line, also when standard input and output are something else.
type Questions struct {
	tty  *os.File
	wake *wakeup
	// Keyboard, where it reads the same terminal, is paused while a question is asked.
	keyboard *Keyboard
}

// HasControllingTerminal tells whether questions can be asked.
func HasControllingTerminal() bool {
	tty, err := openControllingTerminal()
	if err == nil {
		_ = tty.Close()
	}
	return err == nil
}

func openControllingTerminal() (*os.File, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
}

// OpenQuestions opens the controlling terminal. keyboard may be nil.
func OpenQuestions(keyboard *Keyboard) (*Questions, error) {
	tty, err := openControllingTerminal()
	if err != nil {
		return nil, err
	}
	wake, err := newWakeup()
	if err != nil {
		_ = tty.Close()
		return nil, err
	}
	return &Questions{tty: tty, wake: wake, keyboard: keyboard}, nil
}

// Close gives the controlling terminal back.
func (q *Questions) Close() {
	_ = q.tty.Close()
	q.wake.close()
}

// Print shows text.
func (q *Questions) Print(text string) { _, _ = io.WriteString(q.tty, text) }

// Ask shows text and returns the line that a person types after it. What was typed before the text, or within 300 ms
// after it, does not count, and neither does anything pasted. It returns io.EOF for Ctrl-D and the context's error when
// that ends first.
func (q *Questions) Ask(ctx context.Context, text string) (string, error) {
	if q.keyboard != nil {
		q.keyboard.Pause(true)
		defer q.keyboard.Pause(false)
	}
	defer context.AfterFunc(ctx, q.wake.signal)()
	if os.Getenv("TERM") != "dumb" {
		q.Print(pasteOn)
		defer q.Print(pasteOff)
	}
	q.Print(text)
	if err := q.settle(ctx); err != nil {
		return "", err
	}
	for {
		line, err := q.readLine(ctx)
		if err != nil {
			return "", err
		}
		more, _, _ := waitReadable(int(q.tty.Fd()), -1, 0)
		if !more && !strings.ContainsFunc(line, isControl) {
			return strings.TrimSpace(line), nil
		}
		q.Print(pastedMessage + "\n" + lastLine(text))
		if err := q.settle(ctx); err != nil {
			return "", err
		}
	}
}

// settle waits for the reaction time and throws away what was typed until then.
func (q *Questions) settle(ctx context.Context) error {
	timer := time.NewTimer(reactionTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		dropInput(int(q.tty.Fd()))
		return nil
	}
}

func (q *Questions) readLine(ctx context.Context) (string, error) {
	fd := int(q.tty.Fd())
	for {
		q.wake.drain()
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		ready, _, err := waitReadable(fd, q.wake.reading, forever)
		if err != nil {
			return "", err
		}
		if !ready {
			continue
		}
		buffer := make([]byte, maxAnswer)
		n, err := unix.Read(fd, buffer)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return "", err
		case n == 0:
			return "", io.EOF
		default:
			return strings.TrimRight(string(buffer[:n]), "\r\n"), nil
		}
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }
