//go:build linux || darwin

// Package fakesidecar lets a test binary play the sidecar: it speaks the launch protocol and serves the contract on a
// real socket, with a script in place of the assistant. Only tests import it.
package fakesidecar

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

// Variable names the script to play.
const Variable = "FAKE_SIDECAR"

// Instance is the instance id of every fake.
const Instance = "fake-instance"

// Health answers for the fake; a script may change what it says.
var Health = health.NewServer()

// Bootstrap is the line that a fake was started with.
type Bootstrap struct {
	Magic            string `json:"magic"`
	ProtocolVersions []int  `json:"protocol_versions"`
	Token            string `json:"token"`
	SocketDirectory  string `json:"socket_directory"`
	ParentPID        int    `json:"parent_pid"`
	ClientName       string `json:"client_name"`
	ClientVersion    string `json:"client_version"`
	LogLevel         string `json:"log_level"`
}

// Terminal is the server's side of one Terminal.Run.
type Terminal = sidecarv1.TerminalService_RunServer

// Prompts is the server's side of one Permission.Prompt.
type Prompts = sidecarv1.PermissionService_PromptServer

// Script is what a fake does instead of being an assistant. Every part may be nil.
type Script struct {
	// Launch replaces the whole launch.
	Launch func(Bootstrap)
	// Noise is written before the handshake.
	Noise func(io.Writer)
	// Handshake changes the handshake's values.
	Handshake func(values map[string]any)
	// Run plays a command.
	Run func(start *sidecarv1.RunRequest_Start, terminal Terminal) error
	// Prompt asks questions.
	Prompt func(prompts Prompts) error
}

// Main plays a script and ends the process when this binary was started as a sidecar; otherwise it returns.
func Main(scripts map[string]Script) {
	switch {
	case slices.Equal(os.Args[1:], []string{"-I", "-X", "utf8", "-m", "atmos_ai_sidecar", "serve"}):
		script, known := scripts[os.Getenv(Variable)]
		if !known {
			fmt.Fprintf(os.Stderr, "no script %q\n", os.Getenv(Variable))
			os.Exit(70)
		}
		play(script)
		os.Exit(0)
	case slices.Contains(os.Args[1:], "-c"):
		os.Exit(3) // as a Python without the package
	}
}

func play(script Script) {
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	var hello Bootstrap
	if err != nil || json.Unmarshal(line, &hello) != nil {
		os.Exit(65)
	}
	if script.Launch != nil {
		script.Launch(hello)
		return
	}
	socket := filepath.Join(hello.SocketDirectory, "s.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		os.Exit(69)
	}
	server := newServer(script, hello.Token)
	go func() { _ = server.Serve(listener) }()
	if script.Noise != nil {
		script.Noise(os.Stdout)
	}
	values := map[string]any{
		"protocol_version": 1, "address": "unix://" + socket, "instance_id": Instance, "pid": os.Getpid(), "server_version": "0.1.0",
	}
	if script.Handshake != nil {
		script.Handshake(values)
	}
	text, _ := json.Marshal(values)
	fmt.Printf("ATMOS-AI-SIDECAR|1|%s\n", text)
	_, _ = io.Copy(io.Discard, input) // the life line
	server.Stop()
	_ = os.RemoveAll(hello.SocketDirectory)
}

func newServer(script Script, token string) *grpc.Server {
	check := func(ctx context.Context) error {
		given, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(given.Get("authorization"), []string{"Bearer " + token}) {
			return status.Error(codes.Unauthenticated, "TOKEN_INVALID")
		}
		return nil
	}
	server := grpc.NewServer(
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.StreamInterceptor(func(s any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := check(stream.Context()); err != nil {
				return err
			}
			return next(s, stream)
		}),
	)
	services := &services{script: script, check: check}
	sidecarv1.RegisterSidecarServiceServer(server, services)
	sidecarv1.RegisterTerminalServiceServer(server, services)
	sidecarv1.RegisterPermissionServiceServer(server, services)
	grpc_health_v1.RegisterHealthServer(server, Health)
	return server
}

type services struct {
	sidecarv1.UnimplementedSidecarServiceServer
	sidecarv1.UnimplementedTerminalServiceServer
	sidecarv1.UnimplementedPermissionServiceServer

	script Script
	check  func(context.Context) error
}

func (s *services) GetServerInfo(ctx context.Context, _ *sidecarv1.GetServerInfoRequest) (*sidecarv1.GetServerInfoResponse, error) {
	return &sidecarv1.GetServerInfoResponse{InstanceId: Instance, ProtocolVersion: 1}, s.check(ctx)
}

func (s *services) Run(stream Terminal) error {
	first, err := stream.Recv()
	if err != nil || first.GetStart() == nil {
		return status.Error(codes.InvalidArgument, "ATTACH_REQUIRED")
	}
	return s.script.Run(first.GetStart(), stream)
}

func (s *services) Prompt(stream Prompts) error { return s.script.Prompt(stream) }
