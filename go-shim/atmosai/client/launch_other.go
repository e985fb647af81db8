//go:build !linux && !darwin

package client

import (
	"context"
	"fmt"
	"runtime"
)

// Launch refuses: the private socket is not there yet on this system.
func Launch(context.Context, string) (*Client, error) {
	return nil, fmt.Errorf("atmosai: %s is not supported yet; use Linux or macOS", runtime.GOOS)
}
