package sidecar

import (
	"io"
	"os"
	"sync"
)

const ringBytes = 4096

// ring keeps the end of what is written to it and passes it on where somebody listens. Safe for concurrent use.
type ring struct {
	mu   sync.Mutex
	kept []byte
	echo io.Writer
}

func newRing() *ring {
	if isDebug() {
		return &ring{echo: os.Stderr}
	}
	return &ring{echo: io.Discard}
}

func (r *ring) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, data...)
	if extra := len(r.kept) - ringBytes; extra > 0 {
		r.kept = append(r.kept[:0], r.kept[extra:]...)
	}
	_, _ = r.echo.Write(data) // a lost debug line must not stop the draining
	return len(data), nil
}

func (r *ring) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.kept)
}
