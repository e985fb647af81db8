//go:build linux || darwin

package shim

import (
	"context"
	"sync"
	"time"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/prompt"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/terminal"
)

// prompter asks permission questions while the sidecar says so. Safe for concurrent use.
type prompter struct {
	runner *runner
	client sidecarv1.PermissionServiceClient

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// attach opens the stream of questions of one run; a second attach does nothing.
func (p *prompter) attach(ctx context.Context, runID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		return
	}
	var keyboard *terminal.Keyboard
	if p.runner.terminal.IsInput() {
		keyboard = p.runner.keyboard
	}
	questions, err := terminal.OpenQuestions(keyboard)
	if err != nil {
		return // the sidecar knows from the start request that nobody can be asked
	}
	ctx, p.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	p.done = done
	p.runner.guard(func() {
		defer close(done)
		defer questions.Close()
		_ = prompt.Serve(ctx, p.client, runID, questions) // a lost sidecar shows in the run itself
	})
}

// detach takes an open question back. It waits for that, but not for a terminal that takes nothing.
func (p *prompter) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.cancel = nil
	select {
	case <-p.done:
	case <-time.After(goodbye):
	}
}
