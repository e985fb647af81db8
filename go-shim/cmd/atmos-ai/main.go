// Command atmos-ai runs the Atmos AI assistant on the caller's terminal.
package main

import (
	"os"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/atmosai"
)

func main() {
	os.Exit(atmosai.ExitCode(atmosai.Command().Execute()))
}
