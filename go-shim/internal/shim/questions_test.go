//go:build linux

package shim

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAQuestionIsAskedOnTheTerminalAndAnswered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, line, answer string }{
		"once":                   {"", "y\n", `p1 o1 d1 ""`},
		"upper case":             {"", "Y\n", `p1 o1 d1 ""`},
		"always":                 {"", "a\n", `p1 o2 d1 ""`},
		"no":                     {"", "n\n", `p1 o3 d1 ""`},
		"no with a reason":       {"", "n needs a ticket first\n", `p1 o3 d1 "needs a ticket first"`},
		"the end of the input":   {"", "\x04", `p1 o3 d1 ""`},
		"something else before":  {"yes please\n", "y\n", `p1 o1 d1 ""`},
		"an empty line before":   {"\n", "y\n", `p1 o1 d1 ""`},
		"an option with a rider": {"a plan\n", "n\n", `p1 o3 d1 ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, shimCommand(t, "asks", "exec"))
			shown := s.wait("[y/a/n] ")
			for _, part := range []string{"Plan database in ue1-prod?", "  y  allow once", "  a  always allow: plan database in ue1-prod"} {
				if !strings.Contains(shown, part) {
					t.Errorf("%q is missing in %q", part, shown)
				}
			}
			if test.before != "" {
				s.answer(test.before, "[y/a/n] ")
			}
			s.answer(test.line, "run r1 by terminal: "+test.answer)
			s.waitExit(0)
		})
	}
}

func TestKeysOfTheFirstMomentDoNotAnswer(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "asks", "exec"))
	s.wait("thinking")
	s.typeKeys("y\n")
	s.wait("[y/a/n] ")
	s.typeKeys("y\n")
	s.answer("n\n", `p1 o3 d1 ""`)
	s.waitExit(0)
}

func TestPastedTextDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, pasted := range map[string]string{"marked": "\x1b[200~y\x1b[201~\n", "several lines": "y\ny\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, shimCommand(t, "asks", "exec"))
			s.wait("[y/a/n] ")
			s.answer(pasted, "please type it")
			s.wait("[y/a/n] ")
			s.answer("n\n", `p1 o3 d1 ""`)
			s.waitExit(0)
		})
	}
}

func TestAQuestionThatIsSettledElsewhereIsTakenBack(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "takes it back", "exec"))
	s.wait("[y/a/n] ")
	s.signal(syscall.SIGCONT)
	s.wait("this question is settled: allow once by another client")
	s.signal(syscall.SIGCONT)
	s.wait("the command goes on")
	s.waitExit(0)
}

func TestQuestionsAreAskedOnTheTerminalWhenInputAndOutputAreNot(t *testing.T) {
	t.Parallel()
	command := shimCommand(t, "asks", "exec")
	command.Stdin = strings.NewReader("data for the command\ny\n")
	output, err := os.CreateTemp(t.TempDir(), "output")
	must(t, err)
	defer output.Close()
	command.Stdout = output
	s := open(t, command)
	s.wait("[y/a/n] ")
	waitReaction()
	s.typeKeys("n\n")
	s.waitExit(0)
	text, err := os.ReadFile(output.Name())
	must(t, err)
	if !strings.HasSuffix(string(text), "run r1 by terminal: p1 o3 d1 \"\"\n") {
		t.Errorf("output %q", text)
	}
}

func TestASignalEndsAQuestion(t *testing.T) {
	t.Parallel()
	s := open(t, shimCommand(t, "asks", "exec"))
	s.wait("[y/a/n] ")
	s.typeKeys("\x03")
	s.waitExit(130)
}
