// Package takeover is the one list of Atmos' commands that the assistant takes the place of, and how to find them on a
// command line. It uses the standard library only, so that the PATH wrapper starts in a moment.
package takeover

import (
	"slices"
	"strings"
)

// Parent is Atmos' command below which the assistant's commands stand.
const Parent = "ai"

// Command is a child of Parent that is the assistant's.
type Command struct {
	// Name is what the assistant calls the command.
	Name string
	// Short is its help in one line.
	Short string
	// Aliases are the other names that Atmos gives it.
	Aliases []string
}

// Commands are the assistant's. All other children of Parent, such as "skill", stay Atmos' own.
var Commands = []Command{
	{Name: "chat", Short: "Start a conversation about this project"},
	{Name: "ask", Short: "Ask one question"},
	{Name: "exec", Short: "Run one prompt, for scripts"},
	{Name: "sessions", Short: "List and manage conversations", Aliases: []string{"session"}},
	{Name: "permissions", Short: "Explain and remember what tools may do"},
	{Name: "tools", Short: "List and run the tools"},
	{Name: "doctor", Short: "Check that everything is in place"},
	{Name: "mcp", Short: "Offer the tools to other agents over MCP"},
}

// valued are Atmos' global flags whose value may be the next word of the line.
var valued = []string{
	"-C", "--chdir", "--base-path", "--config", "--config-path", "--profile", "--identity", "--use-version",
	"--logs-level", "--logs-file", "--redirect-stderr", "--edition", "--skill", "--pager",
	"--profiler-host", "--profiler-port", "--profile-file", "--profile-type", "--heatmap-mode",
}

// Line returns the assistant's command line for one of Atmos': the command's name, Atmos' global flags that stood
// before it, and all that follows it. It returns false for a line that is not the assistant's.
func Line(arguments []string) ([]string, bool) {
	parent := word(arguments, 0)
	if parent < 0 || arguments[parent] != Parent {
		return nil, false
	}
	child := word(arguments, parent+1)
	if child < 0 {
		return nil, false
	}
	name, found := named(arguments[child])
	if !found {
		return nil, false
	}
	return slices.Concat([]string{name}, arguments[:parent], arguments[parent+1:child], arguments[child+1:]), true
}

func named(word string) (string, bool) {
	for _, command := range Commands {
		if command.Name == word || slices.Contains(command.Aliases, word) {
			return command.Name, true
		}
	}
	return "", false
}

// word returns the index of the first argument from start on that is neither a flag nor a flag's value; -1 when there
// is none before "--".
func word(arguments []string, start int) int {
	for i := start; i < len(arguments); i++ {
		switch argument := arguments[i]; {
		case argument == "--":
			return -1
		case !strings.HasPrefix(argument, "-"):
			return i
		case slices.Contains(valued, argument) && i+1 < len(arguments) && !strings.HasPrefix(arguments[i+1], "-"):
			i++
		}
	}
	return -1
}
