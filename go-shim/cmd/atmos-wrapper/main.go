// Command atmos-wrapper stands on PATH under the name atmos, before the real one. The assistant's commands it gives to
// atmos-ai, all others to the real atmos: it replaces itself by the program, so that terminal, signals and exit code
// are the program's own. `atmos-ai init --wrapper DIR` installs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/takeover"
)

// atmosVariable tells the assistant which Atmos its tools call.
const atmosVariable = "ATMOS_CLI_PATH"

const exitNotFound = 127

func main() {
	err := run(os.Args[1:], os.Environ())
	fmt.Fprintf(os.Stderr, "atmos (wrapper of atmos-ai): %v\n", err)
	os.Exit(exitNotFound)
}

// run replaces this process; it returns only when that failed.
func run(arguments, environment []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	search := newSearch(self, os.Getenv("PATH"))
	atmos, atmosErr := search.atmos()
	line, isOurs := takeover.Line(arguments)
	if !isOurs {
		if atmosErr != nil {
			return atmosErr
		}
		return replace(atmos, arguments, environment)
	}
	assistant, err := search.assistant()
	if err != nil {
		return err
	}
	if atmosErr == nil {
		environment = naming(environment, atmos, search)
	}
	return replace(assistant, line, environment)
}

// naming sets ATMOS_CLI_PATH to the real atmos, unless it names one already.
func naming(environment []string, atmos string, search search) []string {
	for i, entry := range environment {
		if path, found := strings.CutPrefix(entry, atmosVariable+"="); found {
			if path != "" && !search.isWrapper(path) {
				return environment
			}
			environment[i] = atmosVariable + "=" + atmos
			return environment
		}
	}
	return append(environment, atmosVariable+"="+atmos)
}

var (
	errNoAtmos     = errors.New("there is no other atmos on PATH; install Atmos: https://atmos.tools/install")
	errNoAssistant = errors.New("atmos-ai is neither beside this program nor on PATH; reinstall atmos-ai-sidecar, or remove this wrapper")
)
