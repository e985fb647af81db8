//go:build linux || darwin

package sidecar

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// maxSocketPath leaves room below the 104 bytes of sun_path on macOS.
	maxSocketPath = 100
	// leafBytes is "/", eight hex digits, "/", and a socket's name of up to 16 bytes.
	leafBytes = 1 + 8 + 1 + 16
)

// makePrivateDirectory makes a new folder that only this user can enter, and proves it. Places that are missing, not
// writable or too long are passed over; a place that somebody else could have prepared is an error.
func makePrivateDirectory() (string, error) {
	return makePrivate(randomHex(4), false)
}

// makePrivate makes a folder with that name, of at most 8 bytes, where sockets can be; it may be one of ours already.
func makePrivate(name string, mayExist bool) (string, error) {
	var passed []string
	for _, base := range directoryBases() {
		if len(base)+leafBytes > maxSocketPath {
			passed = append(passed, base+" is too long for a socket")
			continue
		}
		if err := trustParent(filepath.Dir(base)); err != nil {
			passed = append(passed, err.Error())
			continue
		}
		if err := makeFolder(base); err != nil && !errors.Is(err, os.ErrExist) {
			passed = append(passed, err.Error())
			continue
		}
		if err := provePrivate(base); err != nil {
			return "", &StartError{What: err.Error(), Remedy: "look at who made it; remove it when it is yours, then try again"}
		}
		leaf := filepath.Join(base, name)
		if err := makeFolder(leaf); err != nil && !(mayExist && errors.Is(err, os.ErrExist)) {
			passed = append(passed, err.Error())
			continue
		}
		return leaf, provePrivate(leaf)
	}
	return "", &StartError{
		What:   "there is no place for its socket: " + strings.Join(passed, "; "),
		Remedy: "set XDG_RUNTIME_DIR or TMPDIR to a short path that you can write to",
	}
}

// makeFolder makes a folder with mode 0700 under any umask.
func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chmod(path, 0o700)
}

func directoryBases() []string {
	var bases []string
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		bases = append(bases, filepath.Join(runtime, "atmos-ai"))
	}
	name := fmt.Sprintf("atmos-ai-%d", os.Getuid())
	if temporary := os.TempDir(); filepath.IsAbs(temporary) {
		bases = append(bases, filepath.Join(temporary, name))
	}
	return append(bases, filepath.Join("/tmp", name))
}

// trustParent passes a folder in which nobody but this user and root can rename what we make there.
func trustParent(folder string) error {
	var found unix.Stat_t
	if err := unix.Stat(folder, &found); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if found.Uid != 0 && int(found.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to user %d", folder, found.Uid)
	}
	if found.Mode&0o022 != 0 && found.Mode&unix.S_ISVTX == 0 {
		return fmt.Errorf("%s can be changed by others", folder)
	}
	return nil
}

// provePrivate passes a real folder, no link, that is mine and has mode 0700.
func provePrivate(folder string) error {
	var found unix.Stat_t
	if err := unix.Lstat(folder, &found); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	switch mode := found.Mode & 0o777; {
	case found.Mode&unix.S_IFMT == unix.S_IFLNK:
		return fmt.Errorf("%s is a symbolic link, not a private folder", folder)
	case found.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a folder", folder)
	case int(found.Uid) != os.Getuid():
		return fmt.Errorf("%s belongs to user %d, not to you", folder, found.Uid)
	case mode != 0o700:
		return fmt.Errorf("%s has mode %04o, it must be 0700", folder, mode)
	}
	return nil
}

// randomHex returns n random bytes in hex. rand.Read never fails.
func randomHex(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random)
	return hex.EncodeToString(random)
}
