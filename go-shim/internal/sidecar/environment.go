// Package sidecar starts the assistant's process, proves who it is, watches it and ends it.
package sidecar

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	startTimeoutVariable = "ATMOS_AI_START_TIMEOUT"
	logLevelVariable     = "ATMOS_AI_LOG_LEVEL"
	defaultStartTimeout  = 10 * time.Second
)

// withoutPython drops every PYTHON* entry: none of them may choose what code the sidecar imports.
func withoutPython(environment []string) []string {
	kept := make([]string, 0, len(environment))
	for _, entry := range environment {
		if !strings.HasPrefix(entry, "PYTHON") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// startTimeout reads ATMOS_AI_START_TIMEOUT, in seconds or as a duration such as 1m30s.
func startTimeout() (time.Duration, error) {
	text := os.Getenv(startTimeoutVariable)
	if text == "" {
		return defaultStartTimeout, nil
	}
	timeout, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		timeout, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || timeout <= 0 {
		return 0, &StartError{
			What:   fmt.Sprintf("%s is %q, which is no time", startTimeoutVariable, text),
			Remedy: "set it to seconds, such as 30, or unset it",
		}
	}
	return timeout, nil
}

func logLevel() string {
	if level := os.Getenv(logLevelVariable); level != "" {
		return level
	}
	return "warning"
}

func isDebug() bool { return logLevel() == "debug" }
