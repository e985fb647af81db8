package sidecar

import (
	"bytes"
	"os"
	"strconv"
)

// processStart is when a process started, in the kernel's ticks; empty when it is gone.
func processStart(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return string(fields[19])
}
