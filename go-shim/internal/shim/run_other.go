//go:build !linux && !darwin

package shim

import (
	"fmt"
	"os"
	"runtime"
)

// Run refuses: the terminal and the private socket are not there yet on this system.
func Run([]string, Options) int {
	fmt.Fprintf(os.Stderr, "atmos-ai: %s is not supported yet; use Linux or macOS, or WSL on Windows\n", runtime.GOOS)
	return exitFailure
}
