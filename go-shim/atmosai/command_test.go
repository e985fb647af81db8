//go:build linux

package atmosai

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestTheVersionIsThatOfThePythonPackage(t *testing.T) {
	text, err := os.ReadFile("../../atmos_ai_sidecar/__init__.py")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`__version__ = "([^"]+)"`).FindSubmatch(text)
	if version == nil || string(version[1]) != Version {
		t.Errorf("Python has %s, Go has %s", version, Version)
	}
}

func TestVersionIsAnsweredWithoutASidecar(t *testing.T) {
	t.Setenv("ATMOS_AI_PYTHON", "/bin/false")
	for _, argument := range []string{"version", "--version"} {
		var output bytes.Buffer
		command := Command()
		command.SetOut(&output)
		command.SetArgs([]string{argument})
		if err := command.Execute(); err != nil {
			t.Fatal(err)
		}
		if got, want := output.String(), "atmos-ai "+Version+"\npython: /bin/false (ATMOS_AI_PYTHON)\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAllOtherArgumentsArePassedOnUntouched(t *testing.T) {
	for _, line := range []string{"chat --session x", "--help", "-h chat", "completion bash", "help", "version --format json", "-- --version", ""} {
		directory := t.TempDir()
		output, code := runProgram(t, "atmos-ai", directory, strings.Fields(line)...)
		if want := fmt.Sprintf("arguments %q\ndirectory %s\n", strings.Fields(line), directory); output != want || code != 7 {
			t.Errorf("%q: exit code %d, got %q, want %q", line, code, output, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
	}{{nil, 0}, {&ExitError{Code: 3}, 3}, {fmt.Errorf("run: %w", &ExitError{Code: 130}), 130}, {errors.New("other"), 1}} {
		if got := ExitCode(test.err); got != test.code {
			t.Errorf("%v: %d, want %d", test.err, got, test.code)
		}
	}
}
