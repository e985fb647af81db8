//go:build !windows

package main

import (
	"fmt"
	"syscall"
)

// replace lets the program take this process's place.
func replace(path string, arguments, environment []string) error {
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, append([]string{path}, arguments...), environment))
}
