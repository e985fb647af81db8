//go:build linux

package shim

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

const (
	rawMode    = sidecarv1.TerminalMode_TERMINAL_MODE_RAW
	cookedMode = sidecarv1.TerminalMode_TERMINAL_MODE_COOKED
)

var calls atomic.Int32

var errSilent = status.Error(codes.Unavailable, "keepalive ping failed")

var scripts = map[string]fakesidecar.Script{
	"plain": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		return terminal.Send(&sidecarv1.RunResponse{
			RunId: "r1", Stdout: fmt.Appendf(nil, "arguments: %v\n", start.GetArguments()), Stderr: []byte("a word on the side\n"), ExitCode: exit(42),
		})
	}},
	"describes itself": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		text := fmt.Sprintf("directory %s umask %04o terminals %t %t %t %t size %dx%d\n", start.GetWorkingDirectory(), start.GetUmask(),
			start.GetStdinIsTerminal(), start.GetStdoutIsTerminal(), start.GetStderrIsTerminal(), start.GetHasControllingTerminal(),
			start.GetSize().GetRows(), start.GetSize().GetColumns())
		for _, entry := range start.GetEnvironment() {
			if bytes.HasPrefix(entry, []byte("PROBE=")) {
				text += fmt.Sprintf("%q\n", entry)
			}
		}
		return terminal.Send(&sidecarv1.RunResponse{RunId: "r1", Stdout: []byte(text), ExitCode: exit(0)})
	}},
	"counts input": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		total := 0
		for generation := uint64(1); ; generation++ {
			if err := terminal.Send(&sidecarv1.RunResponse{ReadStdin: pull(4096, generation)}); err != nil {
				return err
			}
			event, err := terminal.Recv()
			if err != nil {
				return err
			}
			if event.GetStdinEof() != nil {
				return terminal.Send(&sidecarv1.RunResponse{Stdout: fmt.Appendf(nil, "%d bytes\n", total), ExitCode: exit(0)})
			}
			if event.GetStdin().GetGeneration() != generation || len(event.GetStdin().GetData()) > 4096 {
				return fmt.Errorf("not what was asked for: %v", event)
			}
			total += len(event.GetStdin().GetData())
		}
	}},
	"is busy at first": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		if calls.Add(1) < 3 {
			return status.Error(codes.Canceled, "too busy")
		}
		return terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("served\n"), ExitCode: exit(0)})
	}},
	"is always busy": {Run: func(*sidecarv1.RunRequest_Start, fakesidecar.Terminal) error {
		return status.Error(codes.Canceled, "too busy")
	}},
	"reads nothing": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		return terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("done\n"), ExitCode: exit(0)})
	}},
	"never stops writing": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		for {
			if err := terminal.Send(&sidecarv1.RunResponse{Stdout: []byte(strings.Repeat("line\n", 1000))}); err != nil {
				return err
			}
		}
	}},
	"chat": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		return chat(start, terminal, "")
	}},
	"resumable": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		return chat(start, terminal, "token-1")
	}},
	"falls silent": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		err := chat(start, terminal, "token-1")
		if err == errSilent { // the connection is lost as by a keepalive, and nobody answers until SIGUSR1
			fakesidecar.Health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
			again := make(chan os.Signal, 1)
			signal.Notify(again, syscall.SIGUSR1)
			go func() {
				<-again
				fakesidecar.Health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
			}()
		}
		return err
	}},
	"cooked": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		return untilInput(terminal, fmt.Sprintf("working in process %d.\n", os.Getpid()))
	}},
	"takes one key": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		_ = terminal.Send(&sidecarv1.RunResponse{Mode: rawMode})
		_ = terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("ready\r\n"), ReadStdin: pull(1, 1)})
		if _, err := terminal.Recv(); err != nil {
			return err
		}
		<-time.After(500 * time.Millisecond) // some of the shim's questions about its health
		return terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("healthy all the time\r\n"), Mode: cookedMode, ExitCode: exit(0)})
	}},
	"deaf": {Run: func(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		_ = terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("working\n")})
		<-terminal.Context().Done()
		return nil
	}},
	"asks":            {Run: asks, Prompt: question},
	"takes it back":   {Run: asks, Prompt: settledElsewhere},
	"never answers":   {Launch: func(fakesidecar.Bootstrap) { _, _ = io.Copy(io.Discard, os.Stdin) }},
	"refuses the run": {Run: func(*sidecarv1.RunRequest_Start, fakesidecar.Terminal) error { return fmt.Errorf("no such luck") }},
	"leaves a farewell": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		for _, words := range start.GetArguments() {
			if err := terminal.Send(&sidecarv1.RunResponse{RunId: "r1", Farewell: []byte(words)}); err != nil {
				return err
			}
		}
		return nil
	}},
	"no exit code": {Run: func(*sidecarv1.RunRequest_Start, fakesidecar.Terminal) error { return nil }},
}

// chat takes the keyboard raw and tells what it gets. Keys: q leaves, s breaks the call, z suspends, l goes cooked for a line.
func chat(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal, token string) error {
	hello := fmt.Sprintf("\rready %s, process %d.\r\n", start.GetResumeToken(), os.Getpid())
	// The mode goes first, so that who sees the line may rely on it.
	_ = terminal.Send(&sidecarv1.RunResponse{RunId: "r1", Mode: rawMode, ResumeToken: token})
	_ = terminal.Send(&sidecarv1.RunResponse{Stdout: []byte(hello), ReadStdin: pull(1024, 1)})
	for generation := uint64(2); ; generation++ {
		event, err := terminal.Recv()
		if err != nil {
			return err
		}
		answer := &sidecarv1.RunResponse{Stdout: fmt.Appendf(nil, "%s\r\n", describe(event))}
		switch string(event.GetStdin().GetData()) {
		case "s":
			_ = terminal.Send(&sidecarv1.RunResponse{Stdout: []byte("still pulling\r\n"), ReadStdin: pull(1024, generation)})
			return errSilent
		case "q":
			answer.Mode, answer.ExitCode = cookedMode, exit(0)
		case "z":
			answer.Suspend = true
		case "l":
			answer.Mode = cookedMode
		}
		if event.GetStdin() != nil || event.GetSignal().GetName() == "CONT" {
			answer.ReadStdin = pull(1024, generation)
		}
		if err := terminal.Send(answer); err != nil || answer.ExitCode != nil {
			return err
		}
	}
}

// untilInput shows text and every event.
func untilInput(terminal fakesidecar.Terminal, text string) error {
	_ = terminal.Send(&sidecarv1.RunResponse{Stdout: []byte(text)})
	for {
		event, err := terminal.Recv()
		if err != nil {
			return err
		}
		_ = terminal.Send(&sidecarv1.RunResponse{Stdout: fmt.Appendf(nil, "%s\n", describe(event))})
	}
}

func describe(event *sidecarv1.RunRequest) string {
	switch {
	case event.GetStdin() != nil:
		return fmt.Sprintf("keys %q", event.GetStdin().GetData())
	case event.GetResize() != nil:
		return fmt.Sprintf("size %dx%d", event.GetResize().GetRows(), event.GetResize().GetColumns())
	case event.GetSignal() != nil:
		return "signal " + event.GetSignal().GetName()
	}
	return "end of input"
}

var (
	answers = make(chan string, 1)
	cues    = make(chan struct{}) // a test sends SIGCONT to the shim to let the script go on
)

// asks lets the shim ask, and ends with the answer.
func asks(_ *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
	attach := &sidecarv1.RunResponse{
		RunId: "r1", Stdout: []byte("thinking\n"), Prompter: sidecarv1.PrompterAction_PROMPTER_ACTION_ATTACH, ReadStdin: pull(100, 1),
	}
	if err := terminal.Send(attach); err != nil {
		return err
	}
	interrupted := make(chan struct{})
	go func() {
		for {
			event, err := terminal.Recv()
			switch {
			case err != nil:
				return
			case event.GetSignal().GetName() == "INT":
				close(interrupted)
				return
			case event.GetSignal().GetName() == "CONT":
				cues <- struct{}{}
			}
		}
	}()
	end := &sidecarv1.RunResponse{Prompter: sidecarv1.PrompterAction_PROMPTER_ACTION_DETACH, ExitCode: exit(0)}
	select {
	case answer := <-answers:
		end.Stdout = []byte(answer + "\n")
	case <-interrupted:
		end.ExitCode = exit(130)
	case <-terminal.Context().Done():
	}
	return terminal.Send(end)
}

var permission = &sidecarv1.PermissionRequest{
	PermissionRequestId: "p1", Digest: "d1", Lines: []string{"Plan database in ue1-prod?", "  asks: terraform plan"},
	Options: []*sidecarv1.PermissionOption{
		{OptionId: "o1", Key: "y", Label: "allow once", Answer: sidecarv1.Answer_ANSWER_ALLOW_ONCE},
		{OptionId: "o2", Key: "a", Label: "always allow", Answer: sidecarv1.Answer_ANSWER_ALLOW_ALWAYS, RulePreview: "plan database in ue1-prod"},
		{OptionId: "o3", Key: "n", Label: "reject", Answer: sidecarv1.Answer_ANSWER_REJECT_ONCE},
	},
}

func question(prompts fakesidecar.Prompts) error {
	attach, err := prompts.Recv()
	if err != nil {
		return err
	}
	_ = prompts.Send(&sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Attached_{Attached: &sidecarv1.PromptResponse_Attached{}}})
	_ = prompts.Send(&sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Question{Question: permission}})
	event, err := prompts.Recv()
	if err != nil {
		return err
	}
	answer := event.GetAnswer()
	answers <- fmt.Sprintf("run %s by %s: %s %s %s %q", attach.GetAttach().GetRunId(), attach.GetAttach().GetName(),
		answer.GetPermissionRequestId(), answer.GetOptionId(), answer.GetDigest(), answer.GetComment())
	<-prompts.Context().Done()
	return nil
}

func settledElsewhere(prompts fakesidecar.Prompts) error {
	if _, err := prompts.Recv(); err != nil {
		return err
	}
	_ = prompts.Send(&sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Question{Question: permission}})
	<-cues
	_ = prompts.Send(&sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Settled_{Settled: &sidecarv1.PromptResponse_Settled{
		PermissionRequestId: "p1", Outcome: sidecarv1.Answer_ANSWER_ALLOW_ONCE, ResolvedBy: "another client",
	}}})
	<-cues
	answers <- "the command goes on"
	<-prompts.Context().Done()
	return nil
}

func exit(code int32) *int32 { return &code }

func pull(bytes uint32, generation uint64) *sidecarv1.RunResponse_ReadStdin {
	return &sidecarv1.RunResponse_ReadStdin{MaxBytes: bytes, Generation: generation}
}

// shimCommand is the shim as a program, with a fake sidecar that plays script.
func shimCommand(t *testing.T, script string, arguments ...string) *exec.Cmd {
	t.Helper()
	runtime, err := os.MkdirTemp("", "shim")
	must(t, err)
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(runtime, "atmos-ai", "*"))
		for _, folder := range left {
			waitGone(t, folder)
		}
		_ = os.RemoveAll(runtime)
	})
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(),
		runVariable+"=usual", "GORACE=atexit_sleep_ms=0", "ATMOS_AI_PYTHON="+os.Args[0], fakesidecar.Variable+"="+script, "XDG_RUNTIME_DIR="+runtime, "TERM=xterm",
	)
	return command
}
