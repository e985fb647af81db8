//go:build linux

package shim

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheChatGetsEveryKeyAndGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("starting…")
	s.wait("ready")
	if s.isCooked() {
		t.Error("the terminal is still cooked")
	}
	s.typeKeys("\x03")
	s.wait(`keys "\x03"`)
	s.typeKeys("é\r")
	s.wait(`keys "é\r"`)
	s.typeKeys("q")
	s.waitExit(0)
}

func TestWhatIsTypedDuringAColdStartArrivesIntactAndUnseen(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("starting…")
	s.typeKeys("typed ahead\r")
	before := s.wait("ready")
	s.wait(`keys "typed ahead\r"`)
	if strings.Contains(before, "typed") || !strings.Contains(before, "\r\x1b[K") {
		t.Errorf("before the first frame: %q", before)
	}
	s.typeKeys("q")
	s.waitExit(0)
}

func TestCtrlCDuringAStartLeaves(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "never answers", "chat"))
	s.wait("starting…")
	s.typeKeys("\x03")
	s.waitExit(130)
	if rest := s.rest(); !strings.HasSuffix(rest, "\r\x1b[K") {
		t.Errorf("the line of the start is left on the screen: %q", rest)
	}
}

func TestAPlainCommandLeavesTheTerminalAlone(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "describes itself", "sessions", "list"))
	if seen := s.wait("size 24x80"); strings.ContainsRune(seen, '\x1b') || !strings.Contains(seen, "terminals true true true true") {
		t.Errorf("on the screen: %q", seen)
	}
	s.waitExit(0)
}

func TestATerminalWithoutASizeIsTakenFor24By80AndASmallOneAsItIs(t *testing.T) {
	t.Parallel()
	for size, want := range map[[2]uint16]string{{0, 0}: "size 24x80", {1, 1}: "size 1x1"} {
		s := newScreen(t)
		s.resize(size[0], size[1])
		s.run(shimCommand(t, "describes itself"))
		s.wait(want)
		s.waitExit(0)
	}
}

func TestAStormOfResizesEndsWithTheLatestSize(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("ready")
	for i := uint16(1); i <= 1000; i++ {
		s.resize(20+i%10, 100+i)
	}
	s.wait("size 20x1100")
	s.typeKeys("q")
	s.waitExit(0)
}

func TestALargePasteArrivesWhole(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("ready")
	got := 0
	for range 64 {
		s.typeKeys(strings.Repeat("p", 512))
	}
	for got < 64*512 {
		s.wait(`keys "`)
		got += strings.Count(s.wait(`"`), "p")
	}
	s.typeKeys("q")
	s.waitExit(0)
}

func TestSignalsRestoreTheTerminalAndHaveTheirExitCodes(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGQUIT: 131} {
		for _, script := range []string{"chat", "deaf"} {
			s := open(t, shimCommand(t, script, "chat"))
			if script == "chat" {
				s.wait("ready")
			} else {
				s.wait("working")
			}
			s.signal(signal)
			s.waitExit(code)
		}
	}
}

func TestAnInterruptOfACookedCommandIsForwardedAndTheSecondLeaves(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "cooked", "exec"))
	s.wait("working")
	s.typeKeys("\x03")
	s.wait("signal INT")
	s.typeKeys("\x03")
	s.waitExit(130)
}

func TestIgnoredSignalsStayIgnored(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "cooked", "exec")
	command.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, command.Path}, command.Args[1:]...)
	command.Path = "/bin/sh"
	s := open(t, command)
	s.wait("working")
	s.signal(syscall.SIGHUP)
	s.signal(syscall.SIGINT)
	if seen := s.wait("signal INT"); strings.Contains(seen, "HUP") {
		t.Errorf("nohup does not hold: %q", seen)
	}
	s.signal(syscall.SIGTERM)
	s.waitExit(143)
}

func TestSuspendStopsWithACookedTerminalAndComesBackRaw(t *testing.T) {
	t.Parallel()
	for name, suspend := range map[string]func(*screen){
		"by the command": func(s *screen) { s.typeKeys("z") },
		"from outside":   func(s *screen) { s.signal(syscall.SIGTSTP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, shimCommand(t, "chat", "chat"))
			s.wait("ready")
			suspend(s)
			s.waitStopped()
			if !s.isCooked() {
				t.Error("the terminal is not cooked while stopped")
			}
			s.resize(30, 90)
			s.signal(syscall.SIGCONT)
			s.wait("signal CONT")
			s.wait("size 30x90")
			if s.isCooked() {
				t.Error("the terminal is not raw again")
			}
			s.typeKeys("x")
			s.wait(`keys "x"`)
			s.typeKeys("q")
			s.waitExit(0)
		})
	}
}

func TestAPullIsRevokedWhenTheTerminalGoesCooked(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("ready")
	s.typeKeys("l")
	s.wait(`keys "l"`)
	s.signal(syscall.SIGCONT) // makes the command pull again
	s.wait("signal CONT")
	s.typeKeys("a line\n")
	s.wait(`keys "a line\n"`)
	s.signal(syscall.SIGTERM)
	s.waitExit(143)
}

func TestAKilledSidecarGivesTheTerminalBackAndSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	kill(t, s, syscall.SIGKILL)
	seen := s.wait("atmos-ai sessions list shows the names")
	for _, part := range []string{"\x1b[?2026l", "ended unexpectedly (signal 9 (SIGKILL))", "is stored", "--session NAME"} {
		if !strings.Contains(seen, part) {
			t.Errorf("%q is missing in %q", part, seen)
		}
	}
	s.waitExit(70)
}

func TestALostCommandIsResumedThreeTimesAMinute(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "resumable", "chat"))
	for range 3 {
		kill(t, s, syscall.SIGKILL)
		s.wait("starting it again")
		s.wait("ready token-1")
	}
	kill(t, s, syscall.SIGKILL)
	s.wait("ended unexpectedly")
	s.waitExit(70)
}

func TestAFrozenSidecarCanBeLeftWithCtrlCTwice(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "chat", "chat")))
	kill(t, s, syscall.SIGSTOP)
	s.typeKeys("\x03")
	s.wait("press Ctrl-C again to leave")
	s.typeKeys("\x03")
	s.wait("did not answer and was ended")
	if !s.isCooked() {
		t.Error("the terminal is not cooked at once")
	}
	s.waitExit(70)
}

func TestAFrozenSidecarIsReportedWithoutAnyKey(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "chat", "chat")))
	kill(t, s, syscall.SIGSTOP)
	s.wait("has not answered for a while; wait, or press Ctrl-C twice to leave")
	s.typeKeys("\x03")
	s.typeKeys("\x03")
	s.waitExit(70)
}

func TestAFrozenCookedCommandIsLeftAfterOneCtrlC(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "cooked", "exec")))
	kill(t, s, syscall.SIGSTOP)
	s.typeKeys("\x03")
	s.wait("did not answer to Ctrl-C and was ended")
	s.waitExit(130)
}

func TestABusyButHealthySidecarKeepsTheKeyboardToItself(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "takes one key", "chat")))
	s.wait("ready")
	s.typeKeys("x")
	s.typeKeys("for the shell")
	s.wait("healthy all the time")
	s.waitExit(0)
	line := make([]byte, 64)
	n, err := s.slave.Read(line)
	must(t, err)
	if got := string(line[:n]); got != "for the shell" {
		t.Errorf("left for the shell: %q", got)
	}
}

func TestAPanicGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "chat", "chat")
	command.Env = append(command.Env, runVariable+"=panic")
	s := open(t, command)
	s.wait("this is a bug: on purpose")
	s.waitExit(70)
}

func TestASidecarThatThawsGetsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "chat", "chat")))
	process := kill(t, s, syscall.SIGSTOP)
	s.typeKeys("\x03")
	s.wait("press Ctrl-C again to leave")
	s.typeKeys("hello")
	must(t, syscall.Kill(process, syscall.SIGCONT))
	s.wait(`keys "\x03"`)
	s.wait("hello")
	s.typeKeys("q")
	s.waitExit(0)
}

func TestASilentSidecarIsEndedByTheUserAloneAndAnotherGoesOn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*screen){
		"Ctrl-C": func(s *screen) { s.typeKeys("dropped\x03") },
		"SIGINT": func(s *screen) { s.signal(syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, impatient(shimCommand(t, "falls silent", "chat")))
			first := silence(t, s)
			end(s)
			s.wait("is being ended; starting it again")
			s.wait("ready token-1, process ")
			if second := strings.TrimSuffix(s.wait("."), "."); second == strconv.Itoa(first) {
				t.Error("it is still the same process")
			}
			s.typeKeys("q")
			if seen := s.wait(`keys "q"`); strings.Contains(seen, "dropped") {
				t.Error("what was typed before Ctrl-C was kept", seen)
			}
			s.waitExit(0)
		})
	}
}

func TestASilentSidecarThatAnswersAgainGoesOn(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "falls silent", "chat")))
	process := silence(t, s)
	s.typeKeys("hello")
	must(t, syscall.Kill(process, syscall.SIGUSR1))
	s.wait("answers again")
	s.wait("ready token-1, process " + strconv.Itoa(process))
	s.wait(`keys "hello"`)
	s.typeKeys("q")
	s.waitExit(0)
}

func TestASilentSidecarThatEndsIsReplacedAndASignalLeaves(t *testing.T) {
	t.Parallel()
	s := open(t, impatient(shimCommand(t, "falls silent", "chat")))
	must(t, syscall.Kill(silence(t, s), syscall.SIGKILL))
	s.wait("ended unexpectedly (signal 9 (SIGKILL)); starting it again")
	silence(t, s)
	s.signal(syscall.SIGTERM)
	s.waitExit(143)
}

// silence makes a chat's sidecar lose its call without ending, and returns its process id when the user was asked.
func silence(t *testing.T, s *screen) int {
	t.Helper()
	s.wait("process ")
	process, err := strconv.Atoi(strings.TrimSuffix(s.wait("."), "."))
	must(t, err)
	s.typeKeys("s")
	s.wait("wait for it, or press Ctrl-C to end it and start another")
	return process
}

func TestAKilledShimLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "chat", "chat")
	s := open(t, command)
	s.wait("ready")
	runtime := variable(command, "XDG_RUNTIME_DIR")
	folders, err := filepath.Glob(filepath.Join(runtime, "atmos-ai", "*"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	s.signal(syscall.SIGKILL)
	waitGone(t, folders[0])
}

func TestAStoppedTerminalDoesNotKeepTheShim(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "never stops writing", "exec"))
	s.wait("line")
	s.typeKeys("\x13") // Ctrl-S
	s.signal(syscall.SIGTERM)
	s.waitExit(143)
}

func TestATerminalThatHangsUpEndsTheCommand(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "chat", "chat"))
	s.wait("ready")
	must(t, s.slave.Close())
	must(t, s.master.Close())
	select {
	case <-s.exited:
	case <-time.After(patience):
		t.Fatal("the shim does not end")
	}
	if got := s.command.ProcessState.ExitCode(); got != 129 {
		t.Errorf("exit code %d", got)
	}
}

// kill waits until a chat has the keyboard, sends a signal to its sidecar, and returns that one's process id.
func kill(t *testing.T, s *screen, signal syscall.Signal) int {
	t.Helper()
	s.wait("process ")
	process, err := strconv.Atoi(strings.TrimSuffix(s.wait("."), "."))
	must(t, err)
	if !s.isCooked() {
		s.typeKeys("x")
		s.wait(`keys "x"`)
	}
	must(t, syscall.Kill(process, signal))
	t.Cleanup(func() {
		if t.Failed() {
			_ = syscall.Kill(process, syscall.SIGKILL)
		}
	})
	if signal == syscall.SIGSTOP {
		waitStoppedElsewhere(t, process)
	}
	return process
}
