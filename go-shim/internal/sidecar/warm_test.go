//go:build linux

package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

// standing is a warm sidecar in this process: a lock, a file and a server.
type standing struct {
	sidecarv1.UnimplementedSidecarServiceServer
	place     *warmPlace
	lock      *os.File
	instance  string
	installed string // a file of the package
	isBusy    bool
	hesitate  atomic.Int64  // nanoseconds before it takes a connection
	think     time.Duration // before it says who it is
	starting  atomic.Int32  // how many more times it is not yet what the file says
}

func (s *standing) GetServerInfo(context.Context, *sidecarv1.GetServerInfoRequest) (*sidecarv1.GetServerInfoResponse, error) {
	<-time.After(s.think)
	if s.starting.Add(-1) >= 0 {
		return &sidecarv1.GetServerInfoResponse{InstanceId: "before"}, nil
	}
	return &sidecarv1.GetServerInfoResponse{InstanceId: s.instance}, nil
}

func (s *standing) Shutdown(_ context.Context, request *sidecarv1.ShutdownRequest) (*sidecarv1.ShutdownResponse, error) {
	if s.isBusy && request.GetOnlyWhenIdle() {
		return &sidecarv1.ShutdownResponse{}, nil
	}
	_ = s.lock.Close()
	return &sidecarv1.ShutdownResponse{Accepted: true}, nil
}

// slow is a listener that takes its time before anything is said on a connection.
type slow struct {
	net.Listener
	pause *atomic.Int64
}

func (s *slow) Accept() (net.Conn, error) {
	connection, err := s.Listener.Accept()
	<-time.After(time.Duration(s.pause.Load()))
	return connection, err
}

func stand(t *testing.T) *standing {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", shortDirectory(t))
	place, err := newWarmPlace(t.TempDir(), Python{Path: "/python"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := makePrivateDirectory()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(folder, "s.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(place.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(t.TempDir(), "__init__.py")
	if err := os.WriteFile(installed, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := &standing{installed: installed, place: place, lock: lock, instance: "i"}
	server := grpc.NewServer()
	sidecarv1.RegisterSidecarServiceServer(server, s)
	go func() { _ = server.Serve(&slow{Listener: listener, pause: &s.hesitate}) }()
	t.Cleanup(func() { server.Stop(); _ = lock.Close() })
	s.announce(t, func(map[string]any) {})
	return s
}

func (s *standing) announce(t *testing.T, change func(map[string]any)) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(filepath.Dir(s.place.Directory), "*", "s.sock"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	var found unix.Stat_t
	if err := unix.Stat(s.installed, &found); err != nil {
		t.Fatal(err)
	}
	installed := []installedFile{{Path: s.installed, Inode: found.Ino, MtimeNS: found.Mtim.Nano()}}
	values := map[string]any{
		"address": "unix://" + folders[0], "installed": installed, "instance_id": "i", "pid": os.Getpid(), "process_start": processStart(os.Getpid()),
		"server_version": "1", "token": "t",
	}
	change(values)
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.place.path("json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *standing) expect(t *testing.T, want error) {
	t.Helper()
	peer, err := s.place.attach(t.Context())
	if peer != nil {
		defer peer.Stop()
	}
	if !errors.Is(err, want) || (peer == nil) != (want != nil) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestAttachFindsTheOneThatHoldsTheLock(t *testing.T) {
	s := stand(t)
	s.expect(t, nil)
	_ = s.lock.Close()
	s.expect(t, errNotWarm)
}

func TestWhoWaitsForAStartAttachesWithoutWaitingForItsTurn(t *testing.T) {
	s := stand(t)
	lock, err := os.OpenFile(s.place.path("start"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	s.starting.Store(2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	peer, err := startWarm(ctx, s.place, func(*warmth) (*Sidecar, error) {
		t.Error("it was started twice")
		return nil, errNotWarm
	})
	if err != nil || peer == nil {
		t.Fatal(peer, err)
	}
	peer.Stop()
}

func TestABusySidecarMayThinkBeforeItAnswers(t *testing.T) {
	s := stand(t)
	s.think = connectLimit + 100*time.Millisecond
	s.expect(t, nil)
}

func TestABusySidecarMayTakeTheConnectionLate(t *testing.T) {
	s := stand(t)
	s.hesitate.Store(int64(connectLimit + 100*time.Millisecond))
	s.expect(t, nil)
}

func TestAProcessIsStoppedUntilItGoesOn(t *testing.T) {
	if isStopped(os.Getpid()) {
		t.Fatal("we run")
	}
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	_ = child.Process.Signal(unix.SIGSTOP)
	var status unix.WaitStatus
	if _, err := unix.Wait4(child.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatal(err, status)
	}
	if !isStopped(child.Process.Pid) {
		t.Error("it is stopped")
	}
}

func TestAttachBelievesNoFileThatIsNotPrivateAndTrue(t *testing.T) {
	s := stand(t)
	for name, change := range map[string]func(map[string]any){
		"instance":      func(v map[string]any) { v["instance_id"] = "another" },
		"process":       func(v map[string]any) { v["process_start"] = "1" },
		"address":       func(v map[string]any) { v["address"] = "tcp://127.0.0.1:1" },
		"public folder": func(v map[string]any) { v["address"] = "unix:///tmp/s.sock" },
	} {
		t.Run(name, func(t *testing.T) {
			s.announce(t, change)
			s.expect(t, errNotWarm)
		})
	}
	s.announce(t, func(map[string]any) {})
	if err := os.Chmod(s.place.path("json"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.expect(t, errNotWarm)
	if err := os.Rename(s.place.path("json"), s.place.path("moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.place.path("moved"), s.place.path("json")); err != nil {
		t.Fatal(err)
	}
	s.expect(t, errNotWarm)
}

func TestAnotherInstallationIsReplacedWhenIdleAndLeftAloneWhenBusy(t *testing.T) {
	for name, upgrade := range map[string]func(path string) error{
		"another file": func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o644); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		"written over": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
		"gone":         os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			s := stand(t)
			s.expect(t, nil)
			if err := upgrade(s.installed); err != nil {
				t.Fatal(err)
			}
			s.isBusy = true
			s.expect(t, errOther)
			if !s.place.isHeld() {
				t.Error("it was ended")
			}
			s.isBusy = false
			s.expect(t, errNotWarm)
			if s.place.isHeld() {
				t.Error("it still stands")
			}
		})
	}
}

func TestAStateThatDoesNotTellItsInstallationIsReplaced(t *testing.T) {
	s := stand(t)
	s.announce(t, func(v map[string]any) { delete(v, "installed") })
	s.expect(t, errNotWarm)
}

func TestWarmthIsTheUsersChoiceAlone(t *testing.T) {
	home := t.TempDir()
	for name, test := range map[string]struct {
		environment []string
		want        time.Duration
		fails       bool
	}{
		"nothing":       {nil, 0, false},
		"a time":        {[]string{"ATMOS_AI_KEEP_WARM=10m"}, 10 * time.Minute, false},
		"seconds":       {[]string{"ATMOS_AI_KEEP_WARM=30"}, 30 * time.Second, false},
		"off":           {[]string{"ATMOS_AI_KEEP_WARM=off"}, 0, false},
		"the last":      {[]string{"ATMOS_AI_KEEP_WARM=1m", "ATMOS_AI_KEEP_WARM=2m"}, 2 * time.Minute, false},
		"under CI":      {[]string{"ATMOS_AI_KEEP_WARM=10m", "CI=1"}, 0, false},
		"under Azure":   {[]string{"ATMOS_AI_KEEP_WARM=10m", "TF_BUILD=True"}, 0, false},
		"under Jenkins": {[]string{"ATMOS_AI_KEEP_WARM=10m", "JENKINS_URL=https://ci.invalid/"}, 0, false},
		"CI is False":   {[]string{"ATMOS_AI_KEEP_WARM=10m", "CI=False"}, 10 * time.Minute, false},
		"CI is false":   {[]string{"ATMOS_AI_KEEP_WARM=10m", "CI=false"}, 10 * time.Minute, false},
		"no time":       {[]string{"ATMOS_AI_KEEP_WARM=soon"}, 0, true},
		"negative":      {[]string{"ATMOS_AI_KEEP_WARM=-1s"}, 0, true},
		"too long":      {[]string{"ATMOS_AI_KEEP_WARM=1000h"}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keepWarm(append([]string{"HOME=" + home}, test.environment...))
			if got != test.want || (err != nil) != test.fails {
				t.Error(got, err)
			}
		})
	}
}

func TestProjectIsTheNearestFolderWithAtmosYAML(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(root, "git", "project", "stacks")
	if err := os.MkdirAll(filepath.Join(inner, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := projectOf(inner); got != inner {
		t.Errorf("without anything: %s", got)
	}
	if err := os.Mkdir(filepath.Join(root, "git", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := projectOf(inner); got != filepath.Join(root, "git") {
		t.Errorf("with git: %s", got)
	}
	if err := os.WriteFile(filepath.Join(root, "git", "project", "atmos.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := projectOf(filepath.Join(inner, "deep")); got != filepath.Join(root, "git", "project") {
		t.Errorf("with atmos.yaml: %s", got)
	}
}

func TestRunsThatChooseTheirProjectOtherwiseShareNothing(t *testing.T) {
	for _, arguments := range [][]string{{"--chdir", "x", "chat"}, {"chat", "--config=x"}, {"-C", "x"}, {"sidecar", "stop"}} {
		if mayShare(arguments, nil) {
			t.Errorf("%q shares", arguments)
		}
	}
	if mayShare([]string{"chat"}, []string{"ATMOS_BASE_PATH=x"}) || !mayShare([]string{"chat"}, []string{"ATMOS_BASE_PATH="}) {
		t.Error("ATMOS_BASE_PATH is not heeded")
	}
}
