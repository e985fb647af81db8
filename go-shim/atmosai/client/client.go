// Package client connects a Go program with the assistant's sidecar: it launches one or attaches to one that runs.
// The calls themselves are those of the generated package
// github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1.
package client

import (
	"fmt"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/sidecar"
)

// Client is a connection to one sidecar, with the token that came with it; it is safe for concurrent use. Close it.
type Client struct {
	connection *grpc.ClientConn
	stop       func()
}

// Attach returns a client of the sidecar that listens on address, such as "unix:/run/user/1000/atmos-ai/0f3a/s.sock".
// It connects at the first call. Only Unix sockets are taken: a token must not leave this machine.
//
// With an owner's token everything can be called. With a client's token permissions cannot be answered and tools not
// hosted.
func Attach(address, token string) (*Client, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(address, "unix:"), "//")
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("atmosai: %q is not the address of a Unix socket, such as unix:/run/user/1000/atmos-ai/0f3a/s.sock", address)
	}
	connection, err := sidecar.Dial(path, token)
	if err != nil {
		return nil, fmt.Errorf("atmosai: %w", err)
	}
	return &Client{connection: connection, stop: func() { _ = connection.Close() }}, nil
}

// Connection is what the generated clients are made with. Every call on it carries the token.
func (c *Client) Connection() grpc.ClientConnInterface { return c.connection }

// Close ends the connection, and the sidecar if it was launched here: nothing of that is left when Close returns, 3 s
// later at most. Closing twice does nothing.
func (c *Client) Close() {
	if stop := c.stop; stop != nil {
		c.stop = nil
		stop()
	}
}
