package sidecar

import (
	"bytes"
	"os"
	"strconv"
)

// processStart is when a process started, in the kernel's ticks; empty when it is gone.
func processStart(pid int) string {
	if fields := processStatus(pid); fields != nil {
		return string(fields[19])
	}
	return ""
}

// isStopped tells whether a process was stopped, as by SIGSTOP or a debugger: it answers nobody until it goes on.
func isStopped(pid int) bool {
	fields := processStatus(pid)
	return fields != nil && bytes.ContainsAny(fields[0], "Tt")
}

// processStatus returns what the kernel says of a process, from its state on; nil when there is no such process.
func processStatus(pid int) [][]byte {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return nil
	}
	return fields
}
