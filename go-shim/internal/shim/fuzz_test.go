//go:build linux

package shim

import (
	"encoding/binary"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/terminal"
)

// FuzzTerminalProtocol plays a sidecar that sends any messages in any order: the shim does what they say and stays
// whole. What would stop this very process or open its terminal is left out.
func FuzzTerminalProtocol(f *testing.F) {
	code := int32(3)
	f.Add(frames(
		&sidecarv1.RunResponse{RunId: "r", Stdout: []byte("\x1b[2J"), Mode: sidecarv1.TerminalMode_TERMINAL_MODE_RAW},
		&sidecarv1.RunResponse{ReadStdin: &sidecarv1.RunResponse_ReadStdin{MaxBytes: 1 << 31, Generation: 1 << 63}},
		&sidecarv1.RunResponse{Mode: sidecarv1.TerminalMode_TERMINAL_MODE_COOKED, ResumeToken: "t", ExitCode: &code},
	))
	f.Add(frames(&sidecarv1.RunResponse{Mode: -7, Prompter: 99, Stderr: []byte{0xff}}, &sidecarv1.RunResponse{}))
	f.Add([]byte{0, 0, 0, 0, 1, 0x0a})
	r := silentRunner(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		s := &stream{runner: r, ctx: t.Context(), out: make(chan *sidecarv1.RunRequest, 1), ended: make(chan end, 1)}
		for _, response := range unframed(sent) {
			response.Suspend, response.Prompter = false, 0
			how, isEnd := s.apply(response)
			if isEnd != (response.ExitCode != nil) {
				t.Fatalf("%v ends the run: %v", response, isEnd)
			}
			if isEnd {
				if how.code != int(response.GetExitCode()) || !how.clean {
					t.Errorf("%v ends the run with %+v", response, how)
				}
				return
			}
		}
	})
}

// silentRunner is a shim whose three standard streams lead nowhere.
func silentRunner(f *testing.F) *runner {
	nowhere, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = nowhere.Close() })
	stdin, stdout, stderr := os.Stdin, os.Stdout, os.Stderr
	os.Stdin, os.Stdout, os.Stderr = nowhere, nowhere, nowhere
	r := &runner{terminal: terminal.Open(), limits: usual, typed: make(chan struct{}, 1)}
	os.Stdin, os.Stdout, os.Stderr = stdin, stdout, stderr
	if r.keyboard, err = r.terminal.NewKeyboard(r.deliver, r.watched); err != nil {
		f.Fatal(err)
	}
	return r
}

func frames(responses ...*sidecarv1.RunResponse) (all []byte) {
	for _, response := range responses {
		text, _ := proto.Marshal(response)
		all = append(binary.BigEndian.AppendUint32(append(all, 0), uint32(len(text))), text...)
	}
	return all
}

// unframed reads gRPC's frames: a byte, a length, a message; what is no message is passed over.
func unframed(sent []byte) (all []*sidecarv1.RunResponse) {
	for len(sent) >= 5 {
		length := min(int(binary.BigEndian.Uint32(sent[1:5])), len(sent)-5)
		response := &sidecarv1.RunResponse{}
		if proto.Unmarshal(sent[5:5+length], response) == nil {
			all = append(all, response)
		}
		sent = sent[5+length:]
	}
	return all
}
