//go:build linux || darwin

package terminal

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wakeup is a pipe that interrupts a wait for input.
type wakeup struct {
	reading, writing int

	mu     sync.Mutex
	closed bool
}

func newWakeup() (*wakeup, error) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return nil, err
	}
	for _, end := range ends {
		unix.CloseOnExec(end)
		_ = unix.SetNonblock(end, true)
	}
	return &wakeup{reading: ends[0], writing: ends[1]}, nil
}

// signal wakes the waiter, now or when it waits next. A full pipe has woken it already.
func (w *wakeup) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		_, _ = unix.Write(w.writing, []byte{0})
	}
}

func (w *wakeup) drain() {
	var stale [64]byte
	for {
		if n, err := unix.Read(w.reading, stale[:]); n <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// close is for the waiter; a signal that comes later does nothing.
func (w *wakeup) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	_ = unix.Close(w.reading)
	_ = unix.Close(w.writing)
}

// forever is the limit of a wait that ends only by its event.
const forever time.Duration = -1

// waitReadable waits until one of two descriptors can be read; a negative one is left out. It uses select, because poll
// does not work on terminals of macOS.
func waitReadable(first, second int, limit time.Duration) (firstReady, secondReady bool, err error) {
	var wanted unix.FdSet
	for _, fd := range []int{first, second} {
		if fd >= 0 {
			wanted.Set(fd)
		}
	}
	n, err := selectOnce(max(first, second), &wanted, nil, limit)
	if n <= 0 || err != nil {
		return false, false, err
	}
	return first >= 0 && wanted.IsSet(first), second >= 0 && wanted.IsSet(second), nil
}

// waitWritable tells whether fd takes output within limit.
func waitWritable(fd int, limit time.Duration) bool {
	var wanted unix.FdSet
	wanted.Set(fd)
	n, err := selectOnce(fd, nil, &wanted, limit)
	return n > 0 && err == nil
}

func selectOnce(highest int, reading, writing *unix.FdSet, limit time.Duration) (int, error) {
	var timeout *unix.Timeval
	if limit >= 0 {
		value := unix.NsecToTimeval(limit.Nanoseconds())
		timeout = &value
	}
	n, err := unix.Select(highest+1, reading, writing, nil, timeout)
	if errors.Is(err, unix.EINTR) {
		return 0, nil // the caller looks again
	}
	return n, err
}
