//go:build linux || darwin

package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/atmosai"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
)

// Launch starts a sidecar for the project in directory, with this process's environment; it is this client's own and
// ends with Close, or with this process whatever ends it.
//
// Its Python is the one that ATMOS_AI_PYTHON names, else one beside this program, else python3 on PATH. When the start
// fails nothing is left behind and the error says what to do; the context ends the start only.
func Launch(ctx context.Context, directory string) (*Client, error) {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return nil, fmt.Errorf("atmosai: %w", err)
	}
	executable, err := os.Executable()
	if err != nil {
		executable = "" // there is nothing beside a program that the system cannot name
	}
	started, err := sidecar.StartOwn(ctx, sidecar.Options{
		Executable: executable, Version: atmosai.Version, Directory: absolute, Environment: os.Environ(),
	})
	if err != nil {
		return nil, fmt.Errorf("atmosai: the sidecar did not start: %w", err)
	}
	return &Client{connection: started.Connection(), stop: started.Stop}, nil
}
