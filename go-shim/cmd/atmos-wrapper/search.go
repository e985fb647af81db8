package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
)

// marker is in the build information of every program of ours: a copy of the wrapper is known by it.
var marker = []byte("atmos-ai-sidecar/go-shim/cmd/")

// largestWrapper bounds what is searched for the marker, in bytes. The wrapper has some 2 MB, a real atmos over 100.
const largestWrapper = 32 << 20

// search finds programs for one start of the wrapper.
type search struct {
	self        os.FileInfo
	directories []string
	besides     []string
}

func newSearch(self, path string) search {
	found := search{directories: filepath.SplitList(path), besides: []string{filepath.Dir(self)}}
	if info, err := os.Stat(self); err == nil {
		found.self = info
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		found.besides = append(found.besides, filepath.Dir(real))
	}
	return found
}

// atmos returns the first atmos on PATH that is not this wrapper, nor a link to it, nor a copy of it. A relative
// entry of PATH is passed over: whatever lies in the current folder is not the user's atmos.
func (s search) atmos() (string, error) {
	for _, directory := range s.directories {
		path := program(directory, "atmos")
		if filepath.IsAbs(directory) && isProgram(path) && !s.isWrapper(path) {
			return path, nil
		}
	}
	return "", errNoAtmos
}

// assistant returns the atmos-ai of the package that this wrapper came with, else the one on PATH.
func (s search) assistant() (string, error) {
	for _, directory := range append(s.besides, s.directories...) {
		path := program(directory, "atmos-ai")
		if filepath.IsAbs(directory) && isProgram(path) {
			return path, nil
		}
	}
	return "", errNoAssistant
}

func (s search) isWrapper(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if s.self != nil && os.SameFile(s.self, info) {
		return true
	}
	if info.Size() > largestWrapper {
		return false
	}
	content, err := os.ReadFile(path)
	return err == nil && bytes.Contains(content, marker)
}

func program(directory, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(directory, name)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode().Perm()&0o111 != 0)
}
