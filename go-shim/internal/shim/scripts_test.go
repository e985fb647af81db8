//go:build linux

package shim

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/gen/atmos_ai_sidecar/v1"
)

var scripts = map[string]fakesidecar.Script{
	"plain": {Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
		code := int32(42)
		return terminal.Send(&sidecarv1.RunResponse{
			RunId: "r1", Stdout: fmt.Appendf(nil, "arguments: %v\n", start.GetArguments()), Stderr: []byte("a word on the side\n"), ExitCode: &code,
		})
	}},
}

// shimCommand is the shim as a program, with a fake sidecar that plays script.
func shimCommand(t *testing.T, script string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(),
		runVariable+"=1", "ATMOS_AI_PYTHON="+os.Args[0], fakesidecar.Variable+"="+script,
		"XDG_RUNTIME_DIR="+t.TempDir(), "TERM=xterm",
	)
	return command
}
