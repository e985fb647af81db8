//go:build linux

package sidecar

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

func TestASidecarStartsThroughNoiseThatEnds(t *testing.T) {
	for _, script := range []string{"good", "some noise", "colours", "no newline", "binary", "unknown keys"} {
		t.Run(script, func(t *testing.T) {
			peer, err := start(t, script)
			if err != nil {
				t.Fatal(err)
			}
			if !peer.IsHealthy(t.Context(), 5*time.Second) {
				t.Error("it is not healthy")
			}
			directory := peer.process.directory
			peer.Stop()
			if peer.WaitExit(0) == "" {
				t.Error("it still runs after Stop")
			}
			if _, err := os.Lstat(directory); !errors.Is(err, os.ErrNotExist) {
				t.Error("its folder is left behind")
			}
		})
	}
}

func TestAFailedStartSaysWhatHappenedAndWhatToDo(t *testing.T) {
	for script, wanted := range map[string][]string{
		"too many lines":             {"no handshake in the first 64 lines"},
		"a line without end":         {"no handshake in the first 64 lines or 65536 bytes"},
		"a partial line and silence": {"did not answer in time", "still running", "ATMOS_AI_START_TIMEOUT"},
		"closed output":              {"output ended before the handshake", "still running"},
		"traceback":                  {"ended:      exit code 1", "it said:    ModuleNotFoundError: No module named 'grpc'", "--force-reinstall"},
		"damaged":                    {"version 1.50.0", "exit code 70", "--force-reinstall"},
		"no package":                 {"No module named atmos_ai_sidecar", "-m pip install atmos-ai-sidecar"},
		"escape sequences":           {"exit code 70", "·]0;title·bad·�"},
		"refuses":                    {"line 3 is wrong", "CONFIGURATION_INVALID", "exit code 78"},
		"a later handshake":          {"PROTOCOL_MISMATCH", `version "2"`, "install the same version"},
		"a later protocol":           {"PROTOCOL_MISMATCH", "protocol 2", "install the same version"},
		"no JSON":                    {"handshake line is not what it must be"},
		"no instance":                {"lacks address, instance_id or pid"},
		"another instance":           {"another process answers on its socket"},
		"another address":            {"not in its private folder"},
		"an address over tcp":        {"127.0.0.1:4711", "not in its private folder"},
	} {
		t.Run(script, func(t *testing.T) {
			t.Setenv("ATMOS_AI_START_TIMEOUT", "1.5")
			_, err := start(t, script)
			var failure *StartError
			if !errors.As(err, &failure) {
				t.Fatalf("%v is no StartError", err)
			}
			for _, part := range append(wanted, "what to do:", "-I -X utf8 -m atmos_ai_sidecar serve") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is missing in\n%v", part, err)
				}
			}
			if strings.Contains(err.Error(), "Traceback") || strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("not fit for a terminal:\n%v", err)
			}
			if len(failure.Stderr) > ringBytes+100 {
				t.Errorf("%d bytes of stderr", len(failure.Stderr))
			}
			assertNothingLeft(t)
		})
	}
}

func TestTheSidecarIsStartedInItsOwnSessionWithoutPythonVariablesAndWithoutTheTokenInSight(t *testing.T) {
	t.Setenv("PYTHONPATH", "/planted")
	t.Setenv("PYTHONSTARTUP", "/planted/start.py")
	_, err := start(t, "shows environment")
	var failure *StartError
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if want := "leads its session true\narguments hold the token false\nversion test\nparent true\nlevel warning"; failure.Stderr != want {
		t.Errorf("got\n%s", failure.Stderr)
	}
}

func TestACancelledStartLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	prepare(t, "a partial line and silence")
	if _, err := Start(ctx, testOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	assertNothingLeft(t)
}

func TestAStoppedSidecarIsKilledAtLast(t *testing.T) {
	peer, err := start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.process.command.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, peer.process.command.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if peer.IsHealthy(t.Context(), 50*time.Millisecond) {
		t.Error("a stopped process passes for healthy")
	}
	peer.process.end(0)
	if got := peer.WaitExit(0); got != "signal 9 (SIGKILL)" {
		t.Error(got)
	}
	peer.Stop()
	assertNothingLeft(t)
}

func TestAReleasedSidecarLeavesByItself(t *testing.T) {
	peer, err := start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	peer.Release()
	if got := peer.WaitExit(5 * time.Second); got != "exit code 0" {
		t.Error(got)
	}
	assertNothingLeft(t)
}

func TestAWrongTokenIsRefused(t *testing.T) {
	peer, err := start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Stop()
	stranger, err := Dial(filepath.Join(peer.process.directory, "s.sock"), strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := serverInfo(t, stranger); err == nil {
		t.Error("a stranger was answered")
	}
	if answer, err := serverInfo(t, peer.Connection()); err != nil || answer.GetInstanceId() != fakesidecar.Instance {
		t.Error(answer, err)
	}
}

func TestADeadProxyDoesNotMatter(t *testing.T) {
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	t.Setenv("NO_PROXY", "")
	peer, err := start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	peer.Stop()
}

func TestAPythonThatCannotBeRunIsNamed(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(broken, []byte("\x7fELF of another machine"), 0o700); err != nil {
		t.Fatal(err)
	}
	prepare(t, "good")
	t.Setenv(pythonVariable, broken)
	_, err := Start(t.Context(), testOptions())
	if err == nil || !strings.Contains(err.Error(), broken+" cannot be run") || !strings.Contains(err.Error(), "ATMOS_AI_PYTHON") {
		t.Error(err)
	}
	assertNothingLeft(t)
}

func TestAStartTimeoutMustBeATime(t *testing.T) {
	for text, good := range map[string]bool{"3": true, "0.5": true, "2m": true, "": true, "soon": false, "0": false, "-1": false} {
		t.Setenv(startTimeoutVariable, text)
		if _, err := startTimeout(); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestHideKeepsOthersFromReadingThisProcess(t *testing.T) {
	Hide()
	if got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || got != 0 {
		t.Error(got, err)
	}
}
