//go:build linux || darwin

package terminal

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	maxRead = 64 << 10
	// maxHeld bounds what is kept for a command that does not ask for it.
	maxHeld = 64 << 10
)

// Pulled is the answer to one Pull.
type Pulled struct {
	// Data that was read; empty at the end of the input.
	Data []byte
	// Generation of the Pull.
	Generation uint64
	// Err is why nothing more will come; nil for an ordinary end.
	Err error
}

// Keyboard reads standard input when it is asked to, and at no other time: what nobody asked for stays where the next
// program finds it. While a command is frozen it can be watched instead; what it reads then is kept for the next Pull.
type Keyboard struct {
	fd      int
	wake    *wakeup
	deliver func(Pulled)
	watcher func([]byte)

	mu     sync.Mutex
	wanted bool
	pull   struct {
		bytes      int
		generation uint64
	}
	paused   bool
	watching bool
	held     []byte
	ended    bool
	stopped  bool
}

// NewKeyboard returns a keyboard on this terminal's standard input. deliver gets the answers to Pull, watcher what is
// typed during Watch, both on the goroutine of Serve.
func (t *Terminal) NewKeyboard(deliver func(Pulled), watcher func([]byte)) (*Keyboard, error) {
	wake, err := newWakeup()
	return &Keyboard{fd: t.stdin, wake: wake, deliver: deliver, watcher: watcher}, err
}

// Pull asks for at most bytes of input, once.
func (k *Keyboard) Pull(bytes int, generation uint64) {
	k.change(func() {
		k.wanted = true
		k.pull.bytes, k.pull.generation = bytes, generation
	})
}

// Revoke takes an outstanding Pull back. Nothing is read for it after Revoke returns.
func (k *Keyboard) Revoke() { k.change(func() { k.wanted = false }) }

// Restart forgets the Pull of an earlier run and the end that it was told.
func (k *Keyboard) Restart() {
	k.change(func() { k.wanted, k.ended, k.watching = false, false, false })
}

// Pause keeps a Pull waiting while somebody else reads the same terminal.
func (k *Keyboard) Pause(paused bool) { k.change(func() { k.paused = paused }) }

// Watch starts or ends reading ahead for a command that does not pull.
func (k *Keyboard) Watch(watching bool) { k.change(func() { k.watching = watching }) }

// Forget drops what was read during Watch.
func (k *Keyboard) Forget() { k.change(func() { k.held = nil }) }

// Stop ends Serve.
func (k *Keyboard) Stop() { k.change(func() { k.stopped = true }) }

func (k *Keyboard) change(apply func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	apply()
	k.wake.signal()
}

// Serve reads until Stop.
func (k *Keyboard) Serve() {
	defer k.wake.close()
	for {
		k.wake.drain()
		fd, stopped := k.interest()
		if stopped {
			return
		}
		ready := fd >= 0 && k.hasHeld()
		if !ready {
			var err error
			if ready, _, err = waitReadable(fd, k.wake.reading, forever); err != nil {
				ready = fd >= 0 // reading says what is wrong
			}
		}
		if ready {
			k.serveOnce()
		}
	}
}

// interest returns the descriptor to wait for, -1 for none.
func (k *Keyboard) interest() (fd int, stopped bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	reads := k.wanted || (k.watching && len(k.held) < maxHeld)
	if k.paused || k.ended || !reads {
		return -1, k.stopped
	}
	return k.fd, k.stopped
}

func (k *Keyboard) hasHeld() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wanted && len(k.held) > 0
}

// serveOnce reads once if that is still wanted. The lock is held over the read, which has input waiting, so that Revoke
// means what it says.
func (k *Keyboard) serveOnce() {
	k.mu.Lock()
	answer, watched, any := k.take()
	k.mu.Unlock()
	switch {
	case watched != nil:
		k.watcher(watched)
	case any:
		k.deliver(answer)
	}
}

func (k *Keyboard) take() (answer Pulled, watched []byte, any bool) {
	if k.paused || k.ended || (!k.wanted && !k.watching) {
		return Pulled{}, nil, false
	}
	limit := maxRead
	if k.wanted {
		limit = max(1, min(maxRead, k.pull.bytes))
	}
	data, err, again := k.next(limit)
	if again {
		return Pulled{}, nil, false
	}
	if !k.wanted && len(data) > 0 {
		k.held = append(k.held, data...)
		return Pulled{}, data, true
	}
	k.wanted = false
	k.ended = len(data) == 0
	return Pulled{Data: data, Generation: k.pull.generation, Err: err}, nil, true
}

// next returns held input before new input.
func (k *Keyboard) next(limit int) (data []byte, err error, again bool) {
	if k.wanted && len(k.held) > 0 {
		n := min(limit, len(k.held))
		data = append(data, k.held[:n]...)
		k.held = k.held[n:]
		return data, nil, false
	}
	if ready, _, err := waitReadable(k.fd, -1, 0); !ready && err == nil {
		return nil, nil, true
	}
	buffer := make([]byte, limit)
	n, err := unix.Read(k.fd, buffer)
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return nil, nil, true
	}
	return buffer[:max(n, 0)], err, false
}
