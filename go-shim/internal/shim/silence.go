//go:build linux || darwin

package shim

import (
	"context"
	"fmt"
	"syscall"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
)

// serve attends to the command on one sidecar for as long as that goes on answering, or the user waits until it does.
func (r *runner) serve(peer *sidecar.Sidecar) end {
	for {
		how := r.attend(peer)
		for range maxUnserved {
			if !how.unserved {
				break
			}
			how = r.attend(peer)
		}
		if how.lost == nil || !r.mayWait(peer) {
			return how
		}
		switch isBack, code := r.waitForAnswer(peer, how.lost); {
		case code != 0:
			return end{code: code}
		case !isBack:
			return how
		}
		r.terminal.Reset()
	}
}

// mayWait tells whether a lost command could go on in a process that still runs, with somebody there to decide.
func (r *runner) mayWait(peer *sidecar.Sidecar) bool {
	return r.resumeToken != "" && r.terminal.IsInput() && r.terminal.IsError() && !peer.IsWarm() && peer.WaitExit(lastExit) == ""
}

// waitForAnswer leaves it to the user whether a sidecar that stopped answering is ended. It returns when the sidecar
// answers again, is gone, or shall be; with a code when the shim was told to end.
func (r *runner) waitForAnswer(peer *sidecar.Sidecar, lost error) (isBack bool, code int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.ctrlCs.Store(0)
	r.keyboard.Revoke()
	r.keyboard.Watch(true)
	back := make(chan struct{})
	r.guard(func() {
		if peer.WaitServing(ctx, r.limits.healthLimit) {
			close(back)
		}
	})
	r.note(fmt.Sprintf("the assistant process stopped answering (%v); wait for it, or press Ctrl-C to end it and start another", lost))
	for {
		select {
		case <-back:
			r.note("the assistant process answers again")
			return true, 0
		case <-peer.Gone():
			return false, 0
		case <-r.typed:
			if r.ctrlCs.Load() > 0 {
				r.keyboard.Forget()
				return false, 0
			}
		case caught := <-r.signals.Caught:
			if caught == syscall.SIGINT {
				return false, 0
			}
			if code := r.stopOrGoOn(caught); code != 0 {
				return false, code
			}
		}
	}
}
