//go:build linux || darwin

package shim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/terminal"
)

// end says how a run ended: clean with the command's code, lost with the connection, or left with a code of ours.
type end struct {
	clean   bool
	code    int
	lost    error
	message string
	// unserved says that the command never began: gRPC cancels calls that wait too long for a busy server.
	unserved bool
}

// stream is one Terminal.Run: what is sent, and what is received and done.
type stream struct {
	runner   *runner
	ctx      context.Context // of the call
	grpc     sidecarv1.TerminalService_RunClient
	out      chan *sidecarv1.RunRequest
	ended    chan end
	sent     chan struct{} // something was sent that a living sidecar answers
	received atomic.Uint64
	prompter *prompter
	runID    string
}

// streamSlot holds the stream that input goes to; there is none between two sidecars.
type streamSlot struct {
	mu     sync.Mutex
	stream *stream
}

func (s *streamSlot) set(current *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = current
}

func (s *streamSlot) get() *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

// deliver passes on what was pulled.
func (r *runner) deliver(input terminal.Pulled) {
	current := r.current.get()
	if current == nil {
		return // its sidecar is gone, and so is who asked for it
	}
	switch {
	case len(input.Data) > 0:
		r.ctrlCs.Store(int32(bytes.Count(input.Data, []byte(ctrlC))))
		data := &sidecarv1.RunRequest_Stdin{Data: input.Data, Generation: input.Generation}
		current.sendInput(&sidecarv1.RunRequest{Event: &sidecarv1.RunRequest_Stdin_{Stdin: data}})
	case input.Err != nil && r.terminal.IsInput():
		current.finish(end{code: exitTerminal})
	default:
		current.sendInput(&sidecarv1.RunRequest{Event: &sidecarv1.RunRequest_StdinEof_{StdinEof: &sidecarv1.RunRequest_StdinEof{}}})
	}
}

const ctrlC = "\x03"

// watched counts the Ctrl-C among the keys that are kept for a frozen sidecar.
func (r *runner) watched(keys []byte) {
	r.ctrlCs.Add(int32(bytes.Count(keys, []byte(ctrlC))))
	select {
	case r.typed <- struct{}{}:
	default: // the loop has not looked yet, and will see the sum
	}
}

// sendAll sends in order until the call ends. A stream that is broken shows in receive.
func (s *stream) sendAll() {
	for {
		select {
		case request := <-s.out:
			if s.grpc.Send(request) != nil {
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// sendInput queues input, which is never dropped while the call lives.
func (s *stream) sendInput(request *sidecarv1.RunRequest) {
	select {
	case s.out <- request:
		s.expectAnswer()
	case <-s.ctx.Done():
	}
}

// send queues a request without blocking: a sidecar that reads nothing for so long misses a signal or a size.
func (s *stream) send(request *sidecarv1.RunRequest) {
	select {
	case s.out <- request:
	default:
	}
}

func (s *stream) expectAnswer() {
	select {
	case s.sent <- struct{}{}:
	default:
	}
}

func (s *stream) sendSignal(name string) {
	signal := &sidecarv1.RunRequest_Signal{Name: name}
	s.send(&sidecarv1.RunRequest{Event: &sidecarv1.RunRequest_Signal_{Signal: signal}})
}

func (s *stream) sendSize() {
	rows, columns := s.runner.terminal.Size()
	size := &sidecarv1.TerminalSize{Rows: rows, Columns: columns}
	s.send(&sidecarv1.RunRequest{Event: &sidecarv1.RunRequest_Resize{Resize: size}})
}

func (s *stream) finish(how end) {
	select {
	case s.ended <- how:
	default: // the first end counts
	}
}

// receive does what the sidecar asks for until the run ends. Writing may block it: that is the flow control.
func (s *stream) receive() {
	for {
		response, err := s.grpc.Recv()
		if err != nil {
			how := streamEnd(err)
			how.unserved = s.received.Load() == 0 && (status.Code(err) == codes.Canceled || isLeaving(err))
			s.finish(how)
			return
		}
		s.received.Add(1)
		if how, isEnd := s.apply(response); isEnd {
			s.finish(how)
			return
		}
	}
}

// streamEnd tells a lost sidecar from one that has refused.
func streamEnd(err error) end {
	if errors.Is(err, io.EOF) {
		return end{lost: errors.New("it ended the command without an exit code")}
	}
	said := status.Convert(err)
	switch said.Code() {
	case codes.Unavailable, codes.Canceled, codes.Aborted:
		return end{lost: errors.New(said.Message())}
	}
	return end{code: exitLost, message: "the assistant refused the command: " + said.Message()}
}

// isLeaving tells whether the sidecar has refused a call because it is about to end.
func isLeaving(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		if known, isKnown := detail.(*errdetails.ErrorInfo); isKnown && known.GetReason() == "SHUTTING_DOWN" {
			return true
		}
	}
	return false
}

// apply does the fields of a response in the order of their numbers.
func (s *stream) apply(response *sidecarv1.RunResponse) (how end, isEnd bool) {
	t := s.runner.terminal
	if response.GetRunId() != "" {
		s.runID = response.GetRunId()
	}
	if isFirstAct(response) {
		t.EndPrepaint(response.GetMode() == sidecarv1.TerminalMode_TERMINAL_MODE_RAW)
	}
	if len(response.GetStdout()) > 0 {
		if err := t.WriteOut(response.GetStdout()); err != nil {
			return writeEnd(err), true
		}
	}
	if len(response.GetStderr()) > 0 {
		if err := t.WriteError(response.GetStderr()); err != nil {
			return writeEnd(err), true
		}
	}
	s.setMode(response.GetMode())
	switch response.GetPrompter() {
	case sidecarv1.PrompterAction_PROMPTER_ACTION_ATTACH:
		s.prompter.attach(s.ctx, s.runID)
	case sidecarv1.PrompterAction_PROMPTER_ACTION_DETACH:
		s.prompter.detach()
	}
	if response.GetSuspend() {
		s.runner.keyboard.Revoke()
		t.PauseModes()
		terminal.StopGroup() // the SIGCONT that ends it brings the mode back and tells the sidecar
	}
	if pull := response.GetReadStdin(); pull != nil {
		s.runner.keyboard.Pull(int(min(pull.GetMaxBytes(), 1<<20)), pull.GetGeneration())
	}
	if response.GetResumeToken() != "" {
		s.runner.resumeToken = response.GetResumeToken()
	}
	if response.Farewell != nil {
		s.runner.farewell.Store(&response.Farewell)
	}
	if response.ExitCode != nil {
		return end{clean: true, code: int(response.GetExitCode())}, true
	}
	return end{}, false
}

func (s *stream) setMode(mode sidecarv1.TerminalMode) {
	switch mode {
	case sidecarv1.TerminalMode_TERMINAL_MODE_RAW:
		s.runner.terminal.SetRaw()
	case sidecarv1.TerminalMode_TERMINAL_MODE_COOKED:
		s.runner.keyboard.Revoke()
		s.runner.terminal.SetCooked()
	}
}

// isFirstAct is false for a response that only introduces the run.
func isFirstAct(r *sidecarv1.RunResponse) bool {
	return len(r.GetStdout()) > 0 || len(r.GetStderr()) > 0 || r.GetMode() != 0 || r.GetPrompter() != 0 ||
		r.GetSuspend() || r.GetReadStdin() != nil || r.ExitCode != nil
}

// startRequest introduces this process to the sidecar.
func (r *runner) startRequest() *sidecarv1.RunRequest {
	rows, columns := r.terminal.Size()
	environment := make([][]byte, 0, len(r.options.Environment))
	for _, entry := range r.options.Environment {
		environment = append(environment, []byte(entry))
	}
	return &sidecarv1.RunRequest{Event: &sidecarv1.RunRequest_Start_{Start: &sidecarv1.RunRequest_Start{
		Arguments:              r.arguments,
		Environment:            environment,
		WorkingDirectory:       r.options.Directory,
		Umask:                  r.umask,
		StdinIsTerminal:        r.terminal.IsInput(),
		StdoutIsTerminal:       r.terminal.IsOutput(),
		StderrIsTerminal:       r.terminal.IsError(),
		HasControllingTerminal: terminal.HasControllingTerminal(),
		Size:                   &sidecarv1.TerminalSize{Rows: rows, Columns: columns},
		ResumeToken:            r.resumeToken,
	}}}
}
