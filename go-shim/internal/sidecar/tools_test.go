//go:build linux

package sidecar

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

func prepare(t *testing.T, script string) {
	t.Helper()
	t.Setenv(pythonVariable, os.Args[0])
	t.Setenv(fakesidecar.Variable, script)
	t.Setenv("XDG_RUNTIME_DIR", shortDirectory(t))
}

func start(t *testing.T, script string) (*Sidecar, error) {
	t.Helper()
	prepare(t, script)
	return Start(t.Context(), testOptions())
}

func testOptions() Options {
	return Options{Executable: os.Args[0], Version: "test", Directory: "/", Environment: os.Environ()}
}

// shortDirectory leaves room for a socket, which the long names of tests do not.
func shortDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "shim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

func assertNothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "atmos-ai", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func serverInfo(t *testing.T, connection *grpc.ClientConn) (*sidecarv1.GetServerInfoResponse, error) {
	t.Helper()
	return sidecarv1.NewSidecarServiceClient(connection).GetServerInfo(t.Context(), &sidecarv1.GetServerInfoRequest{})
}
