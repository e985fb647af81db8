//go:build linux

package shim

import (
	"os"
	"testing"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

const runVariable = "SHIM_TEST_RUN"

// TestMain makes this binary three programs: the fake sidecar, the shim under test, and the tests.
func TestMain(m *testing.M) {
	fakesidecar.Main(scripts)
	if os.Getenv(runVariable) != "" {
		os.Exit(Run(os.Args[1:], Options{Version: "test", Executable: os.Args[0], Environment: os.Environ()}))
	}
	os.Exit(m.Run())
}
