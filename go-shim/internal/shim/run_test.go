//go:build linux

package shim

import (
	"bytes"
	"os/exec"
	"testing"
)

func TestOutputErrorsAndExitCodeOfTheCommandReachTheCaller(t *testing.T) {
	command := shimCommand(t, "plain", "one", "two words")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if code := exitCode(err); code != 42 {
		t.Fatalf("exit code %d, stderr %q", code, stderr.String())
	}
	if stdout.String() != "arguments: [one two words]\n" || stderr.String() != "a word on the side\n" {
		t.Fatalf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

func exitCode(err error) int {
	exit, isExit := err.(*exec.ExitError)
	if isExit {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}
