//go:build linux

package sidecar

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	hasThePackage   = "#!/bin/sh\nexit 0\n"
	lacksThePackage = "#!/bin/sh\nexit 3\n"
)

func TestPythonIsFoundInOrder(t *testing.T) {
	for name, test := range map[string]struct {
		variable, beside, onPath string
		isEnvironment            bool
		origin                   string
	}{
		"the variable beats all":                  {lacksThePackage, hasThePackage, hasThePackage, true, "ATMOS_AI_PYTHON"},
		"a virtual environment is not questioned": {"", lacksThePackage, hasThePackage, true, "beside atmos-ai"},
		"a neighbour with the package":            {"", hasThePackage, hasThePackage, false, "beside atmos-ai"},
		"a neighbour without it is passed over":   {"", lacksThePackage, hasThePackage, false, "python3 on PATH"},
		"only on PATH":                            {"", "", hasThePackage, false, "python3 on PATH"},
		"without the package anywhere":            {"", lacksThePackage, lacksThePackage, false, ""},
		"none at all":                             {"", "", "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := shortDirectory(t)
			executable := script(t, filepath.Join(root, "bin", "atmos-ai"), hasThePackage)
			link := filepath.Join(root, "atmos-ai")
			if err := os.Symlink(executable, link); err != nil {
				t.Fatal(err)
			}
			if test.isEnvironment {
				script(t, filepath.Join(root, "pyvenv.cfg"), "")
			}
			t.Setenv(pythonVariable, script(t, filepath.Join(root, "mine"), test.variable))
			script(t, filepath.Join(root, "bin", "python3"), test.beside)
			script(t, filepath.Join(root, "path", "python3"), test.onPath)
			t.Setenv("PATH", filepath.Join(root, "path"))
			python, err := FindPython(t.Context(), link)
			if python.Origin != test.origin || (err == nil) != (test.origin != "") {
				t.Fatalf("got %+v, %v", python, err)
			}
			for _, part := range []string{"ATMOS_AI_PYTHON", "beside", "on PATH", "pipx install"} {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("%q is missing in %v", part, err)
				}
			}
		})
	}
}

func TestAPythonOfTheFolderThatOneIsInIsNeverRun(t *testing.T) {
	root := shortDirectory(t)
	ran := filepath.Join(root, "ran")
	for _, folder := range []string{"project", "project/bin"} {
		script(t, filepath.Join(root, folder, "python3"), "#!/bin/sh\ntouch "+ran+"\n")
	}
	good := script(t, filepath.Join(root, "path", "python3"), hasThePackage)
	t.Chdir(filepath.Join(root, "project"))
	t.Setenv(pythonVariable, "")
	t.Setenv("PATH", strings.Join([]string{".", "", "bin", "./bin", filepath.Dir(good)}, string(os.PathListSeparator)))
	if python, err := FindPython(t.Context(), filepath.Join(root, "atmos-ai")); err != nil || python.Path != good {
		t.Errorf("got %+v, %v", python, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program of the project was run")
	}
}

func TestAVariableThatNamesNoPythonIsAnError(t *testing.T) {
	t.Setenv(pythonVariable, "/nonexistent/python")
	if _, err := FindPython(t.Context(), os.Args[0]); err == nil || !strings.Contains(err.Error(), "/nonexistent/python") {
		t.Error(err)
	}
}

func TestAnInstallationForOneUserIsNamed(t *testing.T) {
	// This Python has the package, but not when it is isolated.
	python := script(t, filepath.Join(shortDirectory(t), "python3"), "#!/bin/sh\n"+`case "$1" in -I) exec >&2; echo "No module named atmos_ai_sidecar"; exit 1;; esac`+"\n")
	prepare(t, "good")
	t.Setenv(pythonVariable, python)
	if _, err := Start(t.Context(), testOptions()); err == nil || !strings.Contains(err.Error(), "pip install --user") {
		t.Error(err)
	}
}

func TestAPythonOnPathThatHasThePackageForOneUserIsNamed(t *testing.T) {
	root := shortDirectory(t)
	python := script(t, filepath.Join(root, "python3"), "#!/bin/sh\n[ \"$1\" != -I ]\n")
	t.Setenv(pythonVariable, "")
	t.Setenv("PATH", root)
	_, err := FindPython(t.Context(), filepath.Join(root, "elsewhere", "atmos-ai"))
	for _, part := range []string{python, "pip install --user", "pipx install"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
}

// script writes an executable; without content it writes nothing and returns "".
func script(t *testing.T, path, content string) string {
	t.Helper()
	if content == "" && !strings.HasSuffix(path, ".cfg") {
		return ""
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
