//go:build linux || darwin

package sidecar

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

// Options describe a start.
type Options struct {
	// Executable is this program, beside which a Python may be.
	Executable string
	// Version of this program.
	Version string
	// Directory to start in, absolute.
	Directory string
	// Environment as NAME=VALUE entries; PYTHON* is dropped.
	Environment []string
	// Arguments of the command that will run; some need a sidecar of their own.
	Arguments []string
}

// Sidecar is a running sidecar that has proved who it is. Stop or Release must be called.
type Sidecar struct {
	process    *process // nil for a warm one that another shim has started
	isWarm     bool
	connection *grpc.ClientConn
	// ServerVersion is the version of the Python package.
	ServerVersion string
}

// Start finds Python, starts a sidecar, and returns when it has answered with the identity that it announced; where the
// user keeps sidecars warm, it attaches to one that is there. When it fails, nothing is left behind and the error is a
// *StartError, or the context's own error when that was cancelled.
func Start(ctx context.Context, options Options) (*Sidecar, error) {
	return startWith(ctx, options, launchOrAttach)
}

// StartOwn is Start for a caller that shares its sidecar with nobody, whatever the user keeps warm.
func StartOwn(ctx context.Context, options Options) (*Sidecar, error) {
	return startWith(ctx, options, func(ctx context.Context, options Options, python Python) (*Sidecar, error) {
		return launch(ctx, options, python, nil)
	})
}

func startWith(ctx context.Context, options Options, launching func(context.Context, Options, Python) (*Sidecar, error)) (*Sidecar, error) {
	timeout, err := startTimeout()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	python, err := FindPython(ctx, options.Executable)
	if err != nil {
		return nil, err
	}
	return launching(ctx, options, python)
}

func launchOrAttach(ctx context.Context, options Options, python Python) (*Sidecar, error) {
	idle, err := keepWarm(options.Environment)
	if err != nil {
		return nil, err
	}
	if idle == 0 || !mayShare(options.Arguments, options.Environment) {
		return launch(ctx, options, python, nil)
	}
	place, err := newWarmPlace(options.Directory, python, idle)
	if err != nil {
		return nil, err
	}
	peer, err := startWarm(ctx, place, func(warm *warmth) (*Sidecar, error) { return launch(ctx, options, python, warm) })
	if peer == nil && err == nil {
		return launch(ctx, options, python, nil)
	}
	return peer, err
}

// launch starts a sidecar: one that stays for later runs, or one that ends with this process.
func launch(ctx context.Context, options Options, python Python, warm *warmth) (*Sidecar, error) {
	directory, err := makePrivateDirectory()
	if err != nil {
		return nil, err
	}
	hello := bootstrap{
		Magic: magic, ProtocolVersions: []int{protocolVersion}, Token: randomHex(32), SocketDirectory: directory,
		ParentPID: os.Getpid(), ClientName: "atmos-ai", ClientVersion: options.Version, LogLevel: logLevel(), Warm: warm,
	}
	child, err := spawn(python, options, directory, hello)
	if err != nil {
		_ = os.RemoveAll(directory)
		return nil, &StartError{
			What:   fmt.Sprintf("%s cannot be run: %v", python.Path, err),
			Remedy: fmt.Sprintf("check this Python (%s), or set %s to another", python.Origin, pythonVariable),
		}
	}
	sidecar, err := meet(ctx, child, hello)
	if err == nil {
		return sidecar, nil
	}
	if ctx.Err() == context.Canceled {
		child.end(0)
		return nil, ctx.Err()
	}
	exited := child.waitDone(exitGrace)
	exit := child.exit()
	child.end(0)
	if !exited {
		exit = "it was still running and was stopped"
	}
	return nil, explain(context.WithoutCancel(ctx), err, python, child.commandLine(), exit, child.lastWords())
}

// meet reads the handshake, connects, and checks that the one who answers is the one who was started.
func meet(ctx context.Context, child *process, hello bootstrap) (*Sidecar, error) {
	answer, err := child.handshake(ctx)
	if err != nil {
		return nil, err
	}
	path, isUnix := strings.CutPrefix(answer.Address, "unix:")
	path = filepath.Clean(strings.TrimPrefix(path, "//"))
	if !isUnix || filepath.Dir(path) != hello.SocketDirectory {
		return nil, fmt.Errorf("it offers the address %.200q, which is not in its private folder %s", answer.Address, hello.SocketDirectory)
	}
	connection, err := Dial(path, hello.Token)
	if err != nil {
		return nil, err
	}
	server, err := sidecarv1.NewSidecarServiceClient(connection).GetServerInfo(ctx, &sidecarv1.GetServerInfoRequest{})
	if err != nil {
		err = fmt.Errorf("it does not say who it is: %s", status.Convert(err).Message())
	} else if server.GetInstanceId() != answer.InstanceID {
		err = fmt.Errorf("another process answers on its socket: instance %.40q instead of %.40q", server.GetInstanceId(), answer.InstanceID)
	}
	if err != nil {
		_ = connection.Close()
		if ctx.Err() != nil {
			return nil, errTimeout(ctx)
		}
		return nil, err
	}
	return &Sidecar{process: child, isWarm: hello.Warm != nil, connection: connection, ServerVersion: answer.ServerVersion}, nil
}

// Connection is authenticated with the owner's token.
func (s *Sidecar) Connection() *grpc.ClientConn { return s.connection }

// IsWarm tells whether the sidecar serves other runs too, and outlives this one.
func (s *Sidecar) IsWarm() bool { return s.isWarm }

// WaitExit waits at most limit for the process to end and says how it did; empty when it still runs or nobody can tell.
func (s *Sidecar) WaitExit(limit time.Duration) string {
	if s.process == nil {
		return ""
	}
	s.process.waitDone(limit)
	return s.process.exit()
}

// LastWords is the end of what the sidecar wrote to its stderr, made safe for a terminal.
func (s *Sidecar) LastWords() string {
	if s.process == nil {
		return ""
	}
	return tail(s.process.lastWords())
}

// IsHealthy asks the sidecar whether it is alive; an answer of any kind in time counts.
func (s *Sidecar) IsHealthy(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(s.connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return status.Code(err) != codes.DeadlineExceeded
}

// WaitServing waits until the sidecar answers that it serves, and asks again as often as it does not answer within limit;
// false when ctx ended first. A lost connection is made anew.
func (s *Sidecar) WaitServing(ctx context.Context, limit time.Duration) bool {
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, limit)
		client := grpc_health_v1.NewHealthClient(s.connection)
		answer, err := client.Check(try, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
		if err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			cancel()
			return true
		}
		if err == nil || status.Code(err) != codes.DeadlineExceeded {
			<-try.Done() // it is about to leave, or could not be asked: not more often than that
		}
		cancel()
	}
	return false
}

// Gone is closed when the process has ended; nil when nobody can tell.
func (s *Sidecar) Gone() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.done
}

// Stop ends the sidecar: life line and SIGTERM, 3 s, SIGKILL. Nothing of it is left when Stop returns. A warm one only
// loses this run: others may be at work in it.
func (s *Sidecar) Stop() {
	_ = s.connection.Close()
	switch {
	case !s.isWarm:
		s.process.stop()
	case s.process != nil:
		s.process.release()
	}
}

// Release lets go of a sidecar that has answered to the end; it notices and leaves by itself, at most 5 s later, or
// stays when it is warm.
func (s *Sidecar) Release() {
	_ = s.connection.Close()
	if s.process != nil {
		s.process.release()
	}
}
