//go:build linux || darwin

package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

const (
	connectLimit  = time.Second     // for a warm sidecar to take the connection, before it is looked at: a stopped one never does
	answerLimit   = 5 * time.Second // for it to say who it is, also when fifty ask at once on a busy machine
	replaceLimit  = 6 * time.Second
	lockPause     = 10 * time.Millisecond
	maxStateBytes = 64 * 1024
)

// warmPlace is where the warm sidecar of one project leaves word of itself: a lock that it holds for life, which is the
// truth, and a file that says where to dial. A third file is locked by who starts one, so that racing starts make one.
type warmPlace struct {
	warmth
}

// warmState is what a warm sidecar says of itself.
type warmState struct {
	Address       string          `json:"address"`
	Installed     []installedFile `json:"installed"`
	InstanceID    string          `json:"instance_id"`
	PID           int             `json:"pid"`
	ProcessStart  string          `json:"process_start"`
	ServerVersion string          `json:"server_version"`
	Token         string          `json:"token"`
}

// installedFile is a file that the sidecar was started from, as it was then.
type installedFile struct {
	Path    string `json:"path"`
	Inode   uint64 `json:"inode"`
	MtimeNS int64  `json:"mtime_ns"`
}

// isInstalled tells whether a sidecar that starts now would be the same: its interpreter and its package are the files
// that they were. Their version numbers are not asked: an upgrade may keep them.
func (s *warmState) isInstalled() bool {
	for _, file := range s.Installed {
		var found unix.Stat_t
		if unix.Stat(file.Path, &found) != nil || found.Ino != file.Inode || found.Mtim.Nano() != file.MtimeNS {
			return false
		}
	}
	return len(s.Installed) > 0
}

var (
	errNotWarm = errors.New("there is no warm sidecar")
	errOther   = errors.New("the warm sidecar is of another installation and busy")
)

// newWarmPlace makes the folder of the warm sidecars' files.
func newWarmPlace(directory string, python Python, idle time.Duration) (*warmPlace, error) {
	folder, err := makePrivate("warm", true)
	if err != nil {
		return nil, err
	}
	project := projectOf(directory)
	return &warmPlace{
		warmth: warmth{IdleSeconds: idle.Seconds(), Directory: folder, Name: nameOf(project, python), Project: project},
	}, nil
}

func (w *warmPlace) path(extension string) string {
	return filepath.Join(w.Directory, w.Name+"."+extension)
}

// attach connects to the project's warm sidecar. The error is errNotWarm when there is none, and errOther when there is
// one that must be left alone.
func (w *warmPlace) attach(ctx context.Context) (*Sidecar, error) {
	state, err := w.read()
	if err != nil || processStart(state.PID) != state.ProcessStart || !w.isHeld() {
		return nil, errNotWarm
	}
	path, isUnix := strings.CutPrefix(state.Address, "unix://")
	if !isUnix || provePrivate(filepath.Dir(path)) != nil {
		return nil, errNotWarm
	}
	connection, err := Dial(path, state.Token)
	if err != nil {
		return nil, errNotWarm
	}
	peer := &Sidecar{isWarm: true, connection: connection, ServerVersion: state.ServerVersion}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	client := sidecarv1.NewSidecarServiceClient(connection)
	var server *sidecarv1.GetServerInfoResponse
	if err = connect(ctx, connection, state.PID); err == nil {
		server, err = client.GetServerInfo(ctx, &sidecarv1.GetServerInfoRequest{})
	}
	switch {
	case err != nil && w.isHeld():
		err = errOther // it lives and does not answer: whose fault that is, another run cannot tell
	case err != nil || server.GetInstanceId() != state.InstanceID:
		err = errNotWarm
	case !state.isInstalled():
		err = w.replace(ctx, client)
	}
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return peer, nil
}

// connect waits until the other side has said its first word on the wire. A busy machine may take its time; a process
// that was stopped is not waited for.
func connect(ctx context.Context, connection *grpc.ClientConn, pid int) error {
	connection.Connect()
	for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
		if state == connectivity.TransientFailure {
			return errNotWarm
		}
		moment, cancel := context.WithTimeout(ctx, connectLimit)
		changed := connection.WaitForStateChange(moment, state)
		cancel()
		if !changed && (ctx.Err() != nil || isStopped(pid)) {
			return errNotWarm
		}
	}
	return nil
}

// replace ends a sidecar of another installation, unless it is at work.
func (w *warmPlace) replace(ctx context.Context, client sidecarv1.SidecarServiceClient) error {
	answer, err := client.Shutdown(ctx, &sidecarv1.ShutdownRequest{OnlyWhenIdle: true})
	if err == nil && !answer.GetAccepted() {
		return errOther
	}
	for deadline := time.Now().Add(replaceLimit); w.isHeld(); time.Sleep(lockPause) {
		if time.Now().After(deadline) {
			return errOther
		}
	}
	return errNotWarm
}

// read returns what the file says; it must be ours, private and no link.
func (w *warmPlace) read() (warmState, error) {
	var state warmState
	file, err := os.OpenFile(w.path("json"), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return state, err
	}
	defer func() { _ = file.Close() }()
	var found unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &found); err != nil {
		return state, err
	}
	if int(found.Uid) != os.Getuid() || found.Mode&0o077 != 0 || found.Mode&unix.S_IFMT != unix.S_IFREG {
		return state, fmt.Errorf("%s is not private", file.Name())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxStateBytes))
	if err != nil {
		return state, err
	}
	return state, json.Unmarshal(text, &state)
}

// isHeld tells whether a living sidecar holds the lock.
func (w *warmPlace) isHeld() bool {
	lock, err := os.OpenFile(w.path("lock"), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	return errors.Is(unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// find waits for the project's warm sidecar, or for the right to start it: then there is no sidecar and no error, and
// who asked holds the lock. Many may wait for one start, and all of them attach at once when it is done.
func (w *warmPlace) find(ctx context.Context, lock *os.File) (*Sidecar, error) {
	for {
		if peer, err := w.attach(ctx); !errors.Is(err, errNotWarm) {
			return peer, err
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, errTimeout(ctx)
		case <-time.After(lockPause):
		}
	}
	peer, err := w.attach(ctx) // it may have been started in between
	if errors.Is(err, errNotWarm) {
		return nil, nil
	}
	return peer, err
}

// clean removes what a sidecar that died left behind: its file and, when it is a private folder with nothing but the
// socket, its folder. No process is touched.
func (w *warmPlace) clean() {
	state, err := w.read()
	if err == nil {
		path := strings.TrimPrefix(state.Address, "unix://")
		if folder := filepath.Dir(path); filepath.IsAbs(path) && provePrivate(folder) == nil {
			_ = os.Remove(path)
			_ = os.Remove(folder)
		}
	}
	_ = os.Remove(w.path("json"))
}

// startWarm attaches to the project's warm sidecar, or starts it. It returns nil when this run needs one of its own.
func startWarm(ctx context.Context, place *warmPlace, start func(*warmth) (*Sidecar, error)) (*Sidecar, error) {
	lock, err := os.OpenFile(place.path("start"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }()
	peer, err := place.find(ctx, lock)
	switch {
	case errors.Is(err, errOther):
		return nil, nil
	case err != nil || peer != nil:
		return peer, err
	}
	if !place.isHeld() {
		place.clean()
	}
	return start(&place.warmth)
}
