//go:build linux

package client

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

// TestMain makes this binary two programs: the fake sidecar and the tests.
func TestMain(m *testing.M) {
	fakesidecar.Main(map[string]fakesidecar.Script{"good": {}})
	os.Exit(m.Run())
}

func launch(t *testing.T, script string) (*Client, error) {
	t.Helper()
	t.Setenv("ATMOS_AI_PYTHON", os.Args[0])
	runtime, err := os.MkdirTemp("", "run") // a socket's path may have 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtime) })
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("ATMOS_AI_KEEP_WARM", "1m") // what a client launches is its own all the same
	t.Setenv(fakesidecar.Variable, script)
	return Launch(t.Context(), t.TempDir())
}

func TestALaunchedSidecarAnswersAndEndsWithItsClient(t *testing.T) {
	peer, err := launch(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	info := sidecarv1.NewSidecarServiceClient(peer.Connection())
	if _, err := info.GetServerInfo(t.Context(), &sidecarv1.GetServerInfoRequest{}); err != nil {
		t.Error(err)
	}
	peer.Close()
	peer.Close()
	_, err = info.GetServerInfo(t.Context(), &sidecarv1.GetServerInfoRequest{})
	if status.Code(err) != codes.Canceled {
		t.Errorf("%v after Close", err)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAStartThatFailsSaysWhatToDo(t *testing.T) {
	_, err := launch(t, "unknown")
	if err == nil || !strings.Contains(err.Error(), "what to do:") {
		t.Errorf("%v", err)
	}
	if _, err := Launch(t.Context(), filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
}

func TestAnAttachedClientSendsItsTokenAndLeavesTheSidecarAlone(t *testing.T) {
	owner, err := launch(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	sockets, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "*", "*", "s.sock"))
	if len(sockets) != 1 {
		t.Fatal(sockets)
	}
	for _, address := range []string{"unix:" + sockets[0], "unix://" + sockets[0], sockets[0]} {
		stranger, err := Attach(address, "wrong")
		if err != nil {
			t.Fatal(err)
		}
		_, err = sidecarv1.NewSidecarServiceClient(stranger.Connection()).GetServerInfo(t.Context(), &sidecarv1.GetServerInfoRequest{})
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", address, err)
		}
		stranger.Close()
	}
	if _, err := sidecarv1.NewSidecarServiceClient(owner.Connection()).GetServerInfo(t.Context(), &sidecarv1.GetServerInfoRequest{}); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheAddressOfAUnixSocketIsTaken(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:4711", "dns:///localhost:4711", "unix:relative.sock"} {
		if _, err := Attach(address, "token"); err == nil || !strings.Contains(err.Error(), "Unix socket") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
