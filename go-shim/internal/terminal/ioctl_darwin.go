package terminal

import "golang.org/x/sys/unix"

const (
	getAttributes = unix.TIOCGETA
	setAttributes = unix.TIOCSETA
	readSide      = 1 // FREAD of <sys/fcntl.h>
)

// dropInput throws away what was typed and not read yet.
func dropInput(fd int) { _ = unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, readSide) }
