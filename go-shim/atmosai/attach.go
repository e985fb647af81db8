package atmosai

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/shim"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/takeover"
)

// atmosVariable tells the assistant which Atmos its tools call.
const atmosVariable = "ATMOS_CLI_PATH"

// ErrNoAI is returned by Attach for a command tree without the command "ai".
var ErrNoAI = errors.New(`atmosai: the root command has no command "ai" to attach to`)

// Attach makes the assistant's commands children of the command "ai" of Atmos' own tree, and takes the place of children
// with the same names. Call it before the tree runs and before the working directory changes: the folder of this moment
// is the one against which the assistant reads --chdir.
//
// Global flags are passed on wherever they stand on the line. ATMOS_CLI_PATH is set for the assistant to this program
// unless it is set already, so that tools call the same Atmos. A command whose exit code is not 0 ends the process with
// it, once the terminal is restored: Atmos would report a second time what has been said already.
func Attach(root *cobra.Command) error {
	ai := child(root, takeover.Parent)
	if ai == nil {
		return ErrNoAI
	}
	directory, err := os.Getwd()
	if err != nil {
		directory = "" // the command says so when it runs
	}
	for _, ours := range takeover.Commands {
		command := newCommand(ours.Name, ours.Short, func(command *cobra.Command, arguments []string) error {
			line := append(append([]string{ours.Name}, parsedFlags(command)...), arguments...)
			if code := shim.Run(line, options(directory, atmosEnvironment(os.Environ(), executable()))); code != 0 {
				os.Exit(code)
			}
			return nil
		})
		if theirs := child(ai, ours.Name); theirs != nil {
			command.Aliases, command.GroupID = theirs.Aliases, theirs.GroupID
			ai.RemoveCommand(theirs)
		}
		ai.AddCommand(command)
	}
	return nil
}

func child(parent *cobra.Command, name string) *cobra.Command {
	for _, command := range parent.Commands() {
		if command.Name() == name {
			return command
		}
	}
	return nil
}

// parsedFlags returns the flags that cobra has taken out of the line for the command's parents. It only does so under
// TraverseChildren; otherwise it leaves them among the arguments.
func parsedFlags(command *cobra.Command) []string {
	if !command.Root().TraverseChildren {
		return nil
	}
	var flags []string
	command.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Changed {
			return
		}
		values := []string{flag.Value.String()}
		if list, isList := flag.Value.(pflag.SliceValue); isList {
			values = list.GetSlice()
		}
		for _, value := range values {
			flags = append(flags, "--"+flag.Name+"="+value)
		}
	})
	return flags
}

func atmosEnvironment(environment []string, atmos string) []string {
	for _, entry := range environment {
		if strings.HasPrefix(entry, atmosVariable+"=") {
			return environment
		}
	}
	return append(environment, atmosVariable+"="+atmos)
}
