package sidecar

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// StartError says why the sidecar did not start, and what to do about it.
type StartError struct {
	// Reason is a name for programs, such as PROTOCOL_MISMATCH; it may be empty.
	Reason string
	// What happened, in a sentence.
	What string
	// Command is the command line that was run; empty when it did not come to that.
	Command string
	// Exit is how the process ended; empty when it did not run.
	Exit string
	// Stderr is the end of what the process said, made safe for a terminal.
	Stderr string
	// Remedy is what to do next.
	Remedy string
}

// Error is a report of a few lines without a final newline.
func (e *StartError) Error() string {
	var text strings.Builder
	text.WriteString("the assistant could not start: " + e.What)
	for _, row := range [][2]string{
		{"reason", e.Reason}, {"command", e.Command}, {"ended", e.Exit}, {"it said", e.Stderr}, {"what to do", e.Remedy},
	} {
		if row[1] != "" {
			fmt.Fprintf(&text, "\n  %-11s %s", row[0]+":", strings.ReplaceAll(row[1], "\n", "\n              "))
		}
	}
	return text.String()
}

var (
	missingModule = regexp.MustCompile(`No module named '?([\w.]+)'?`)
	importFailure = regexp.MustCompile(`(?m)^((ImportError|ModuleNotFoundError|SyntaxError): |atmos-ai-sidecar: The installation is damaged: )`)
)

// explain completes a failure with everything that is known about the process.
func explain(ctx context.Context, err error, python Python, command, exit, stderr string) *StartError {
	var failure *StartError
	if !errors.As(err, &failure) {
		failure = &StartError{What: err.Error()}
	}
	failure.Command, failure.Exit, failure.Stderr = command, exit, tail(stderr)
	if failure.Remedy == "" {
		failure.Remedy = remedy(ctx, python, stderr)
	}
	return failure
}

func remedy(ctx context.Context, python Python, stderr string) string {
	module := missingModule.FindStringSubmatch(stderr)
	switch {
	case module != nil && strings.HasPrefix(module[1], "atmos_ai_sidecar") && installedForUserOnly(ctx, python.Path):
		return forUserOnly + ", or set " + pythonVariable + " to its Python"
	case module != nil && strings.HasPrefix(module[1], "atmos_ai_sidecar"):
		return fmt.Sprintf("this Python (%s) lacks the package: run `%s -m pip install atmos-ai-sidecar`, or set %s to a Python that has it",
			python.Origin, python.Path, pythonVariable)
	case importFailure.MatchString(stderr):
		return fmt.Sprintf("the installation is damaged or too old: run `%s -m pip install --upgrade --force-reinstall atmos-ai-sidecar`",
			python.Path)
	}
	return "run it again with " + logLevelVariable + "=debug to see everything it says"
}

// tail makes the end of the sidecar's stderr fit to show: no control characters, and of a traceback only its last line.
func tail(stderr string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return '·'
		}
		return r
	}, strings.ToValidUTF8(stderr, "�"))
	var shown []string
	inTraceback := false
	for _, line := range strings.Split(strings.TrimSpace(clean), "\n") {
		line = strings.TrimRight(line, " ·")
		if strings.HasPrefix(line, "Traceback ") && !isDebug() {
			inTraceback = true
			continue
		}
		if inTraceback = inTraceback && strings.HasPrefix(line, " "); !inTraceback {
			shown = append(shown, line)
		}
	}
	return strings.Join(shown, "\n")
}
