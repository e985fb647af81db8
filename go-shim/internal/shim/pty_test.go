//go:build linux

package shim

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 20 * time.Second

// screen is a pseudo-terminal with the shim on it.
type screen struct {
	t       *testing.T
	master  *os.File
	slave   *os.File
	command *exec.Cmd
	exited  chan struct{}

	mu   sync.Mutex
	text []byte
	more chan struct{}
}

// open starts the shim on a new pseudo-terminal of 24 rows and 80 columns, in a session of its own.
func open(t *testing.T, command *exec.Cmd) *screen {
	t.Helper()
	s := newScreen(t)
	s.run(command)
	return s
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	var number int
	withDescriptor(t, master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	s := &screen{t: t, master: master, slave: slave, more: make(chan struct{}, 1)}
	s.resize(24, 80)
	go s.read()
	t.Cleanup(func() {
		_ = slave.Close()
		_ = master.Close()
	})
	return s
}

func (s *screen) run(command *exec.Cmd) {
	s.t.Helper()
	s.command = command
	for _, stream := range []struct {
		unset bool
		set   func()
	}{
		{command.Stdin == nil, func() { command.Stdin = s.slave }},
		{command.Stdout == nil, func() { command.Stdout = s.slave }},
		{command.Stderr == nil, func() { command.Stderr = s.slave }},
	} {
		if stream.unset {
			stream.set()
		}
	}
	ctty := 0
	if command.Stdin != s.slave {
		ctty = 2
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: ctty}
	must(s.t, command.Start())
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		_ = command.Wait()
	}()
	s.t.Cleanup(func() {
		_ = command.Process.Kill()
		<-s.exited
	})
}

func (s *screen) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.text = append(s.text, buffer[:n]...)
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
	}
}

// wait returns everything up to and with text, and takes it away.
func (s *screen) wait(text string) string {
	s.t.Helper()
	shown, found := s.waitFor(text, patience)
	if !found {
		s.t.Fatalf("%q is not on the screen; there is %q", text, shown)
	}
	return shown
}

// waitFor is wait for so long; when text is not there by then, it returns what is.
func (s *screen) waitFor(text string, limit time.Duration) (string, bool) {
	end := time.After(limit)
	for {
		s.mu.Lock()
		seen := s.text
		if at := bytes.Index(seen, []byte(text)); at >= 0 {
			s.text = seen[at+len(text):]
			s.mu.Unlock()
			return string(seen[:at+len(text)]), true
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-end:
			return string(seen), false
		}
	}
}

// answer types keys until text shows that they counted. For a moment after a question they do not; nothing on the screen
// marks its end, and on a busy machine it comes late.
func (s *screen) answer(keys, text string) {
	s.t.Helper()
	for range 10 {
		waitReaction()
		s.typeKeys(keys)
		if _, found := s.waitFor(text, 2*time.Second); found {
			return
		}
	}
	s.wait(text)
}

func (s *screen) typeKeys(keys string) {
	s.t.Helper()
	_, err := s.master.WriteString(keys)
	must(s.t, err)
}

func (s *screen) resize(rows, columns uint16) {
	s.t.Helper()
	withDescriptor(s.t, s.master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	})
}

func (s *screen) signal(signal syscall.Signal) {
	s.t.Helper()
	must(s.t, s.command.Process.Signal(signal))
}

// isCooked tells whether the terminal makes lines, echo and signals.
func (s *screen) isCooked() bool {
	s.t.Helper()
	attributes, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	must(s.t, err)
	const all = unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	return attributes.Lflag&all == all
}

// waitExit expects the shim to end with code and the terminal to be cooked.
func (s *screen) waitExit(code int) {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatal("the shim does not end")
	}
	if got := s.command.ProcessState.ExitCode(); got != code {
		s.t.Errorf("exit code %d, want %d; state %v, screen %q", got, code, s.command.ProcessState, s.rest())
	}
	if !s.isCooked() {
		s.t.Error("the terminal is not cooked")
	}
}

// waitStopped waits until the shim is stopped, as a shell would.
func (s *screen) waitStopped() {
	s.t.Helper()
	stopped := make(chan error, 1)
	go func() {
		stopped <- unix.Waitid(unix.P_PID, s.command.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
	}()
	select {
	case err := <-stopped:
		must(s.t, err)
	case <-time.After(patience):
		s.t.Fatal("the shim does not stop")
	}
}

func (s *screen) rest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitReaction lets the time pass in which keys do not count as an answer; nothing on the screen marks its end.
func waitReaction() { <-time.After(350 * time.Millisecond) }

// variable is a value of a command's environment.
func variable(command *exec.Cmd, name string) string {
	for _, entry := range command.Env {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// withDescriptor lends a file's descriptor without making the file blocking, so that Close interrupts its readers.
func withDescriptor(t *testing.T, file *os.File, use func(fd int) error) {
	t.Helper()
	connection, err := file.SyscallConn()
	must(t, err)
	var used error
	must(t, connection.Control(func(fd uintptr) { used = use(int(fd)) }))
	must(t, used)
}

// waitGone waits until a folder has been removed.
func waitGone(t *testing.T, folder string) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	events := os.NewFile(uintptr(watch), "inotify")
	defer events.Close()
	_, err = unix.InotifyAddWatch(watch, filepath.Dir(folder), unix.IN_DELETE)
	must(t, err)
	must(t, events.SetReadDeadline(time.Now().Add(patience)))
	for {
		if _, err := os.Lstat(folder); os.IsNotExist(err) {
			return
		}
		_, err = events.Read(make([]byte, 1024))
		must(t, err)
	}
}

// waitStoppedElsewhere waits until a process that is not this one's child is stopped, which takes a moment and has no
// event to wait for.
func waitStoppedElsewhere(t *testing.T, process int) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); runtime.Gosched() {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/stat")
		must(t, err)
		if text[bytes.LastIndexByte(text, ')')+2] == 'T' {
			return
		}
	}
	t.Fatal("the process does not stop")
}
