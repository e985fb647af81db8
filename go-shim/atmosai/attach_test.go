//go:build linux

package atmosai

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/takeover"
)

func TestATreeWithoutAIIsAnError(t *testing.T) {
	if err := Attach(&cobra.Command{Use: "atmos"}); !errors.Is(err, ErrNoAI) {
		t.Fatal(err)
	}
}

func TestAttachTakesOverItsCommandsAndLeavesTheOthers(t *testing.T) {
	root := atmosTree()
	if err := Attach(root); err != nil {
		t.Fatal(err)
	}
	ai := child(root, "ai")
	for _, ours := range takeover.Commands {
		command := child(ai, ours.Name)
		if command == nil || !command.DisableFlagParsing {
			t.Errorf("%s is not ours", ours.Name)
		}
	}
	if child(ai, "skill").Short != "of Atmos" {
		t.Error("skill was replaced")
	}
	if got := len(ai.Commands()); got != len(takeover.Commands)+1 {
		t.Errorf("%d commands", got)
	}
	if aliases := child(ai, "sessions").Aliases; len(aliases) != 1 {
		t.Error("the aliases of sessions are lost")
	}
}

func TestTheCommandLineReachesTheAssistantFromWithinAtmos(t *testing.T) {
	for name, test := range map[string]struct {
		program, line, arguments string
	}{
		"no flags":              {"atmos", "ai chat", `["chat"]`},
		"our flags":             {"atmos", "ai chat --session x --help", `["chat" "--session" "x" "--help"]`},
		"global flag in front":  {"atmos", "--chdir sub ai chat", `["chat" "--chdir" "sub"]`},
		"global flag between":   {"atmos", "ai --no-color ask why", `["ask" "--no-color" "why"]`},
		"global flag behind":    {"atmos", "ai exec --identity=me -- -x", `["exec" "--identity=me" "--" "-x"]`},
		"value like a command":  {"atmos", "--identity chat ai chat", `["chat" "--identity" "chat"]`},
		"alias":                 {"atmos", "ai session list", `["sessions" "list"]`},
		"an added command":      {"atmos", "ai tools", `["tools"]`},
		"flags that are parsed": {"atmos-traverse", "--profile a,b --no-color ai chat --session x", `["chat" "--no-color=true" "--profile=a" "--profile=b" "--session" "x"]`},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			if err := os.Mkdir(filepath.Join(directory, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			output, code := runProgram(t, test.program, directory, strings.Fields(test.line)...)
			want := fmt.Sprintf("arguments %s\ndirectory %s\nATMOS_CLI_PATH=%s\n", test.arguments, directory, os.Args[0])
			if output != want || code != 7 {
				t.Errorf("exit code %d, got\n%swant\n%s", code, output, want)
			}
		})
	}
}

func TestCommandsOfAtmosStillRun(t *testing.T) {
	if output, code := runProgram(t, "atmos", t.TempDir(), "ai", "skill"); output != "Atmos' own skill\n" || code != 0 {
		t.Errorf("exit code %d, output %q", code, output)
	}
}

func TestAnAtmosThatIsNamedAlreadyIsKept(t *testing.T) {
	environment := atmosEnvironment([]string{"ATMOS_CLI_PATH=/opt/atmos"}, "/usr/bin/atmos")
	if len(environment) != 1 || environment[0] != "ATMOS_CLI_PATH=/opt/atmos" {
		t.Error(environment)
	}
}

// runProgram runs this binary as another program in directory and returns its output and exit code.
func runProgram(t *testing.T, program, directory string, arguments ...string) (string, int) {
	t.Helper()
	command := exec.Command(os.Args[0], arguments...)
	command.Dir = directory
	command.Env = append(os.Environ(),
		programVariable+"="+program, "ATMOS_AI_PYTHON="+os.Args[0], fakesidecar.Variable+"=reports", "XDG_RUNTIME_DIR="+directory)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(output), command.ProcessState.ExitCode()
}
