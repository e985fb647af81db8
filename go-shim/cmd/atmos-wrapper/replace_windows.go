package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// replace runs the program and ends with its exit code: Windows has no way to take a process's place. Ctrl-C reaches
// the program by itself.
func replace(path string, arguments, environment []string) error {
	signal.Ignore(os.Interrupt)
	command := exec.Command(path, arguments...)
	command.Env = environment
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		os.Exit(command.ProcessState.ExitCode())
	}
	return err
}
