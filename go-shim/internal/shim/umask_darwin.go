package shim

import "golang.org/x/sys/unix"

// readUmask reads the umask in the only way there is, by setting it for a moment. It is called before anything else
// runs, and the strictest value is the one that a file made in between would get.
func readUmask() uint32 {
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	return uint32(mask)
}
