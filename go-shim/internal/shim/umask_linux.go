package shim

import (
	"os"
	"strconv"
	"strings"
)

const usualUmask = 0o022

// readUmask reads this process's umask without changing it, which would race with other goroutines.
func readUmask() uint32 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "Umask:"); found {
			if mask, err := strconv.ParseUint(strings.TrimSpace(value), 8, 32); err == nil {
				return uint32(mask)
			}
		}
	}
	return usualUmask
}
