package sidecar

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/grpc/keepalive"
)

const (
	maxMessageBytes = 16 << 20
	// windowBytes bounds what the sidecar may send ahead of a terminal that does not take it.
	windowBytes = 64 << 10
)

// bearer sends the owner's token, and only over a connection that cannot leave this machine.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// Dial connects to the Unix socket of a sidecar that runs, at the first call. The token goes over no connection that
// could leave this machine.
func Dial(socket, token string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix:"+socket,
		grpc.WithTransportCredentials(local.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(token)),
		grpc.WithNoProxy(),
		grpc.WithStaticStreamWindowSize(windowBytes),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes)),
	)
}
