//go:build linux

package shim

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestOutputErrorsAndExitCodeOfTheCommandReachTheCaller(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runPlainly(t, shimCommand(t, "plain", "one", "two words"))
	if code != 42 || stdout != "arguments: [one two words]\n" || stderr != "a word on the side\n" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestTheCommandLearnsAboutItsCaller(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "describes itself")
	command.Dir = "/"
	command.Env = append(command.Env, "PROBE=\xff bytes")
	stdout, _, _ := runPlainly(t, command)
	if want := "directory / umask 0022 terminals false false false "; !strings.HasPrefix(stdout, want) {
		t.Errorf("got %q", stdout)
	}
	if !strings.Contains(stdout, `"PROBE=\xff bytes"`) {
		t.Errorf("the environment is not passed on as it is: %q", stdout)
	}
}

func TestAllOfAPipeIsReadInTheSizesThatWereAskedFor(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "counts input")
	command.Stdin = strings.NewReader(strings.Repeat("x", 1_000_000))
	if stdout, stderr, _ := runPlainly(t, command); stdout != "1000000 bytes\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
}

func TestACommandThatReadsNothingTakesNothingFromThePipe(t *testing.T) {
	t.Parallel()
	reading, writing, err := os.Pipe()
	must(t, err)
	defer reading.Close()
	_, err = writing.WriteString("for the next program")
	must(t, err)
	must(t, writing.Close())
	command := shimCommand(t, "reads nothing")
	command.Stdin = reading
	if _, stderr, code := runPlainly(t, command); code != 0 {
		t.Fatal(code, stderr)
	}
	if left, err := io.ReadAll(reading); err != nil || string(left) != "for the next program" {
		t.Errorf("left in the pipe: %q, %v", left, err)
	}
}

func TestAClosedOutputEndsTheCommandAsItWouldALocalOne(t *testing.T) {
	t.Parallel()
	reading, writing, err := os.Pipe()
	must(t, err)
	command := shimCommand(t, "never stops writing")
	command.Stdout = writing
	must(t, command.Start())
	must(t, writing.Close())
	_, err = io.ReadFull(reading, make([]byte, 5))
	must(t, err)
	must(t, reading.Close())
	if code := exitCode(t, command.Wait()); code != 141 {
		t.Errorf("exit code %d", code)
	}
}

func TestAFullDiskIsSaid(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	defer full.Close()
	command := shimCommand(t, "never stops writing")
	var stderr bytes.Buffer
	command.Stdout, command.Stderr = full, &stderr
	if code := exitCode(t, command.Run()); code != 1 || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

func TestWhatGoesWrongHasItsOwnExitCodeAndMessage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script, argument string
		variables        []string
		code             int
		message          string
	}{
		"no Python":             {"plain", "", []string{"ATMOS_AI_PYTHON=/nonexistent"}, 1, "ATMOS_AI_PYTHON names"},
		"no such start timeout": {"plain", "", []string{"ATMOS_AI_START_TIMEOUT=soon"}, 1, "which is no time"},
		"no handshake":          {"never answers", "", []string{"ATMOS_AI_START_TIMEOUT=0.3"}, 1, "did not answer in time"},
		"a refused command":     {"refuses the run", "", nil, 70, "refused the command: no such luck"},
		"no exit code":          {"no exit code", "", nil, 70, "without an exit code"},
		"always too busy":       {"is always busy", "", nil, 70, "too busy"},
		"not UTF-8":             {"plain", "\xff", nil, 2, "argument 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := shimCommand(t, test.script, test.argument)
			command.Env = append(command.Env, test.variables...)
			stdout, stderr, code := runPlainly(t, command)
			if code != test.code || !strings.Contains(stderr, test.message) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestACallThatABusySidecarNeverSawIsMadeAgain(t *testing.T) {
	t.Parallel()
	if stdout, stderr, code := runPlainly(t, shimCommand(t, "is busy at first")); stdout != "served\n" || code != 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestTheLastFarewellIsWrittenWhenTheSidecarIsLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		farewells []string
		want      string
	}{
		"the last one":   {[]string{"{}\n", "{\"lost\": true}\n"}, "{\"lost\": true}\n"},
		"taken back":     {[]string{"{}\n", ""}, ""},
		"none was given": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := runPlainly(t, shimCommand(t, "leaves a farewell", c.farewells...))
			if stdout != c.want || code != exitLost {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func runPlainly(t *testing.T, command *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, side bytes.Buffer
	command.Stdout, command.Stderr = &out, &side
	code = exitCode(t, command.Run())
	return out.String(), side.String(), code
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	must(t, err)
	return 0
}
