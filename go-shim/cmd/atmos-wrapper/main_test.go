//go:build !windows

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asWrapper makes this test binary be the wrapper.
const asWrapper = "ATMOS_WRAPPER_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asWrapper) != "" {
		main()
	}
	os.Exit(m.Run())
}

// place is a machine in small: folders of PATH with programs that say what they were called with.
type place struct {
	t    *testing.T
	root string
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{t, t.TempDir()}
}

func (p place) file(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p place) speaker(name string) string {
	p.t.Helper()
	return p.file(name, "#!/bin/sh\necho \""+filepath.Base(name)+" $* ATMOS_CLI_PATH=$ATMOS_CLI_PATH\"\nexit 7\n")
}

func (p place) link(name, target string) {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		p.t.Fatal(err)
	}
}

// run starts the atmos of the first folder and returns what was said and the exit code.
func (p place) run(line string, variables ...string) (string, int) {
	p.t.Helper()
	folders := []string{"first", "second", "third"}
	for i, folder := range folders {
		folders[i] = filepath.Join(p.root, folder)
	}
	command := exec.Command(filepath.Join(folders[0], "atmos"), strings.Fields(line)...)
	command.Env = append([]string{asWrapper + "=yes", "PATH=" + strings.Join(folders, ":")}, variables...)
	output, _ := command.CombinedOutput()
	return string(output), command.ProcessState.ExitCode()
}

func (p place) expect(line, want string, code int, variables ...string) {
	p.t.Helper()
	got, gotCode := p.run(line, variables...)
	if !strings.Contains(got, want) || gotCode != code {
		p.t.Errorf("%q: exit code %d, said %q; want %d and %q", line, gotCode, got, code, want)
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheWrapperGivesEachCommandToWhomItBelongs(t *testing.T) {
	wrapper, place := self(t), newPlace(t)
	place.link("first/atmos", wrapper)
	atmos := place.speaker("second/atmos")
	place.speaker("third/atmos-ai")
	place.expect("describe stacks", "atmos describe stacks ATMOS_CLI_PATH=\n", 7)
	place.expect("ai skill list", "atmos ai skill list", 7)
	place.expect("", "atmos  ATMOS_CLI_PATH", 7)
	place.expect("--chdir sub ai chat --session x", "atmos-ai chat --chdir sub --session x ATMOS_CLI_PATH="+atmos+"\n", 7)
	place.expect("ai ask why", "ATMOS_CLI_PATH=/opt/atmos\n", 7, "ATMOS_CLI_PATH=/opt/atmos")
	place.expect("ai ask why", "ATMOS_CLI_PATH="+atmos, 7, "ATMOS_CLI_PATH="+filepath.Join(place.root, "first/atmos"))
}

func TestTheAssistantBesideTheWrapperIsPreferred(t *testing.T) {
	wrapper, place := self(t), newPlace(t)
	content, err := os.ReadFile(wrapper)
	if err != nil {
		t.Fatal(err)
	}
	place.link("first/atmos", place.file("package/atmos-ai-wrapper", string(content)))
	place.file("package/atmos-ai", "#!/bin/sh\necho beside\n")
	place.speaker("third/atmos-ai")
	place.expect("ai chat", "beside\n", 0)
}

func TestTheWrapperNeverCallsItself(t *testing.T) {
	wrapper, place := self(t), newPlace(t)
	content, err := os.ReadFile(wrapper)
	if err != nil {
		t.Fatal(err)
	}
	place.file("first/atmos", string(content))
	place.file("second/atmos", string(content))
	place.link("third/atmos", filepath.Join(place.root, "first/atmos"))
	place.expect("version", "no other atmos on PATH", 127)
	place.expect("ai chat", "atmos-ai is neither beside", 127)
}

func TestAnAtmosInTheCurrentFolderIsNotTaken(t *testing.T) {
	wrapper, place := self(t), newPlace(t)
	place.speaker("here/atmos")
	command := exec.Command(wrapper, "version")
	command.Dir = filepath.Join(place.root, "here")
	command.Env = []string{asWrapper + "=yes", "PATH=.:"}
	output, _ := command.CombinedOutput()
	if !strings.Contains(string(output), "no other atmos on PATH") {
		t.Errorf("%s", output)
	}
}
