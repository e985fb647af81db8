// Package atmosai is the Atmos AI assistant as cobra commands: a program of its own, or a part of Atmos.
//
// The commands parse nothing. They pass their arguments to the assistant's own process, which has the command tree.
package atmosai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/shim"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
)

// Version of this package. It equals the version of the Python package atmos-ai-sidecar.
const Version = "0.1.0"

// ExitError is how a command ended that did not end well. What went wrong has been said on standard error already.
type ExitError struct {
	// Code is the exit code for the process, never 0.
	Code int
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("the assistant ended with exit code %d", e.Code)
}

// ExitCode returns the exit code for what a command returned: 0 for nil, the code of an ExitError, 1 for anything else.
func ExitCode(err error) int {
	var exit *ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	return 1
}

// Command returns the command atmos-ai. It returns an *ExitError when the assistant's exit code is not 0.
func Command() *cobra.Command {
	command := newCommand("atmos-ai", "AI assistant for Atmos", func(command *cobra.Command, arguments []string) error {
		if len(arguments) == 1 && (arguments[0] == "version" || arguments[0] == "--version") {
			return printVersion(command.Context(), command.OutOrStdout())
		}
		return exitError(shim.Run(arguments, options("", os.Environ())))
	})
	command.CompletionOptions.DisableDefaultCmd = true
	return command
}

func newCommand(use, short string, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{
		Use:                use,
		Short:              short,
		Args:               cobra.ArbitraryArgs,
		DisableFlagParsing: true,
		SilenceErrors:      true,
		SilenceUsage:       true,
		RunE:               run,
	}
}

func options(directory string, environment []string) shim.Options {
	return shim.Options{Version: Version, Executable: executable(), Directory: directory, Environment: environment}
}

// executable is this program's path; "atmos-ai" where the system does not tell, beside which there is nothing.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "atmos-ai"
	}
	return path
}

func exitError(code int) error {
	if code == 0 {
		return nil
	}
	return &ExitError{Code: code}
}

// printVersion answers without starting anything but, at most, a search for Python.
func printVersion(ctx context.Context, out io.Writer) error {
	if ctx == nil {
		ctx = context.Background()
	}
	place := "not found"
	if python, err := sidecar.FindPython(ctx, executable()); err == nil {
		place = fmt.Sprintf("%s (%s)", python.Path, python.Origin)
	}
	_, err := fmt.Fprintf(out, "atmos-ai %s\npython: %s\n", Version, place)
	return err
}
