//go:build linux || darwin

package shim

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/terminal"
)

// attendant watches one run: signals, sizes, and a sidecar that no longer answers. All of it belongs to one goroutine,
// which never blocks; reading, writing and sending have their own.
type attendant struct {
	*runner
	stream *stream
	peer   *sidecar.Sidecar

	interrupted time.Time // of the last Ctrl-C that was forwarded
	leaving     int       // the code to leave with, once told to
	leave       <-chan time.Time

	answerDue  *time.Timer
	seenBefore uint64 // what had been received when an answer became due
	verdict    chan bool
	isChecking bool
	misses     int
	frozen     bool
	warned     bool // about the first Ctrl-C
	frozenSeen uint64
}

// attend runs the command on a sidecar to its end.
func (r *runner) attend(peer *sidecar.Sidecar) end {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // a client that goes away ends the command
	call, err := sidecarv1.NewTerminalServiceClient(peer.Connection()).Run(ctx)
	if err != nil {
		return streamEnd(err)
	}
	s := &stream{
		runner: r, ctx: ctx, grpc: call, out: make(chan *sidecarv1.RunRequest, 256), ended: make(chan end, 1), sent: make(chan struct{}, 1),
	}
	s.prompter = &prompter{runner: r, client: sidecarv1.NewPermissionServiceClient(peer.Connection())}
	defer s.prompter.detach()
	s.out <- r.startRequest()
	r.keyboard.Restart()
	r.current.set(s)
	defer r.current.set(nil)
	r.guard(s.sendAll)
	r.guard(s.receive)
	a := &attendant{runner: r, stream: s, peer: peer, verdict: make(chan bool, 1), answerDue: time.NewTimer(r.limits.overdue)}
	a.answerDue.Stop()
	defer a.answerDue.Stop()
	return a.loop(ctx)
}

func (a *attendant) loop(ctx context.Context) end {
	health := time.NewTicker(a.limits.healthInterval)
	defer health.Stop()
	for {
		select {
		case how := <-a.stream.ended:
			if a.leaving != 0 {
				return end{code: a.leaving}
			}
			return how
		case <-a.leave:
			return end{code: a.leaving}
		case caught := <-a.signals.Caught:
			if how, isEnd := a.signal(caught); isEnd {
				return how
			}
		case <-a.signals.Resized:
			a.stream.sendSize()
		case <-a.stream.sent:
			a.expectAnswer()
			if how, isEnd := a.typedWhileFrozen(); isEnd {
				return how
			}
		case <-a.answerDue.C:
			if a.stream.received.Load() == a.seenBefore {
				a.checkHealth(ctx, a.limits.quickHealth)
			}
		case <-health.C:
			a.checkHealth(ctx, a.limits.healthLimit)
		case isHealthy := <-a.verdict:
			if how, isEnd := a.judge(isHealthy); isEnd {
				return how
			}
		case <-a.typed:
			if how, isEnd := a.typedWhileFrozen(); isEnd {
				return how
			}
		}
	}
}

// signal passes a signal on to the command, or acts on it where the command cannot.
func (a *attendant) signal(caught os.Signal) (end, bool) {
	switch caught {
	case syscall.SIGTSTP:
		if a.terminal.IsRaw() {
			a.keyboard.Revoke()
		}
		a.terminal.Pause()
		terminal.StopProcess()
	case syscall.SIGCONT:
		a.terminal.Resume()
		a.stream.sendSignal(terminal.Name(caught))
		a.stream.sendSize()
	case syscall.SIGINT:
		return a.interrupt()
	default:
		a.stream.sendSignal(terminal.Name(caught))
		if a.leaving != 0 {
			return end{code: a.leaving}, true
		}
		a.leaving = exitSignal + number(caught)
		a.leave = time.After(a.goodbye())
	}
	return end{}, false
}

// interrupt forwards a Ctrl-C; the second within 2 s, or one that follows an unanswered one, leaves.
func (a *attendant) interrupt() (end, bool) {
	again := !a.interrupted.IsZero() &&
		(time.Since(a.interrupted) < secondCtrlC || a.stream.received.Load() == a.seenBefore)
	if again {
		return end{code: exitSignal + int(syscall.SIGINT)}, true
	}
	a.interrupted = time.Now()
	a.stream.sendSignal(terminal.Name(syscall.SIGINT))
	a.expectAnswer()
	return end{}, false
}

// expectAnswer starts the clock for the next message of the sidecar.
func (a *attendant) expectAnswer() {
	received := a.stream.received.Load()
	a.thaw(received)
	a.seenBefore = received
	a.answerDue.Reset(a.limits.overdue)
}

// checkHealth asks for a verdict without waiting for it.
func (a *attendant) checkHealth(ctx context.Context, limit time.Duration) {
	if a.isChecking {
		return
	}
	a.isChecking = true
	a.guard(func() { a.verdict <- a.peer.IsHealthy(ctx, limit) })
}

// judge acts on a verdict. A sidecar that lives but does not want the keys is none of our business; one that does not
// answer gets its keyboard watched, so that Ctrl-C twice leaves.
func (a *attendant) judge(isHealthy bool) (end, bool) {
	a.isChecking = false
	received := a.stream.received.Load()
	if isHealthy {
		a.misses = 0
		a.thaw(received + 1)
		return end{}, false
	}
	a.misses++
	isOverdue := received == a.seenBefore
	if isOverdue && !a.interrupted.IsZero() && time.Since(a.interrupted) < recentCtrlC {
		return end{code: exitSignal + int(syscall.SIGINT), message: "the assistant did not answer to Ctrl-C and was ended"}, true
	}
	if a.misses < healthMisses && !(isOverdue && a.terminal.IsRaw()) {
		return end{}, false
	}
	how, isEnd := a.freeze(received, isOverdue)
	if a.misses == healthMisses && !isEnd {
		a.note("the assistant has not answered for a while; wait, or press Ctrl-C twice to leave")
	}
	return how, isEnd
}

// freeze watches the keyboard. A Ctrl-C that the sidecar was given and left unanswered counts as the first.
func (a *attendant) freeze(received uint64, isOverdue bool) (end, bool) {
	if a.frozen || !a.terminal.IsRaw() {
		return end{}, false
	}
	a.frozen, a.warned, a.frozenSeen = true, false, received
	if !isOverdue {
		a.ctrlCs.Store(0)
	}
	a.keyboard.Watch(true)
	return a.typedWhileFrozen()
}

// thaw gives the keyboard back to a sidecar that has answered since it was found frozen.
func (a *attendant) thaw(received uint64) {
	if a.frozen && received != a.frozenSeen {
		a.frozen = false
		a.keyboard.Watch(false)
	}
}

const pressAgain = "the assistant does not answer; press Ctrl-C again to leave"

// typedWhileFrozen looks at the count of Ctrl-C; all other keys wait for the sidecar.
func (a *attendant) typedWhileFrozen() (end, bool) {
	if a.thaw(a.stream.received.Load()); !a.frozen {
		return end{}, false
	}
	switch count := a.ctrlCs.Load(); {
	case count >= 2:
		return end{code: exitLost, message: "the assistant did not answer and was ended. " + howToGoOn}, true
	case count == 1 && !a.warned:
		a.warned = true
		a.note(pressAgain)
	}
	return end{}, false
}

// note says something in the middle of what the command has drawn, and wipes what it had drawn below.
func (r *runner) note(message string) {
	wipe := ""
	if r.terminal.IsRaw() {
		wipe = "\x1b[J"
	}
	fmt.Fprint(os.Stderr, "\r\n"+wipe+"atmos-ai: "+message+"\r\n")
}
