//go:build linux

package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThePrivateFolderIsMineAloneUnderAnyUmask(t *testing.T) {
	before := unix.Umask(0)
	defer unix.Umask(before)
	for _, umask := range []int{0, 0o022, 0o777} {
		unix.Umask(0o022)
		runtime := shortDirectory(t)
		t.Setenv("XDG_RUNTIME_DIR", runtime)
		unix.Umask(umask)
		directory, err := makePrivateDirectory()
		if err != nil {
			t.Fatalf("umask %04o: %v", umask, err)
		}
		if !strings.HasPrefix(directory, filepath.Join(runtime, "atmos-ai")+"/") {
			t.Error(directory)
		}
		for _, level := range []string{directory, filepath.Dir(directory)} {
			if err := provePrivate(level); err != nil {
				t.Errorf("umask %04o: %v", umask, err)
			}
		}
	}
}

func TestAPlaceThatCannotBeUsedIsPassedOver(t *testing.T) {
	long := filepath.Join(shortDirectory(t), strings.Repeat("d", 200))
	open := shortDirectory(t)
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]string{
		"too long": long, "missing": "/nonexistent", "relative": "run", "read-only": "/proc", "open to others": open,
	} {
		t.Setenv("XDG_RUNTIME_DIR", place)
		t.Setenv("TMPDIR", place)
		directory, err := makePrivateDirectory()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = os.Remove(directory)
		if !strings.HasPrefix(directory, fmt.Sprintf("/tmp/atmos-ai-%d/", os.Getuid())) || len(directory)+leafBytes-9 > maxSocketPath {
			t.Errorf("%s: %s", name, directory)
		}
	}
}

func TestAPlaceThatSomebodyElsePreparedIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(base string) error{
		"symbolic link": func(base string) error { return os.Symlink(filepath.Dir(base), base) },
		"mode 0755":     func(base string) error { return os.Mkdir(base, 0o755) },
		"not a folder":  func(base string) error { return os.WriteFile(base, nil, 0o700) },
		"belongs to user 1": func(base string) error {
			if err := os.Mkdir(base, 0o700); err != nil {
				return err
			}
			return os.Chown(base, 1, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			runtime := shortDirectory(t)
			t.Setenv("XDG_RUNTIME_DIR", runtime)
			err := prepare(filepath.Join(runtime, "atmos-ai"))
			if os.IsPermission(err) {
				t.Skip("only root can give a folder away")
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err = makePrivateDirectory(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v", err)
			}
		})
	}
}
