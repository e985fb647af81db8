package sidecar

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

const (
	pythonVariable = "ATMOS_AI_PYTHON"
	probe          = "import importlib.util,sys; sys.exit(0 if importlib.util.find_spec('atmos_ai_sidecar') else 3)"
	probeTimeout   = 5 * time.Second

	forUserOnly = "the package was installed with `pip install --user`, which an isolated Python does not see on purpose; " +
		"install it with `pipx install atmos-ai-sidecar`, `uv tool install atmos-ai-sidecar` or pip in a virtual environment, " +
		"and use the atmos-ai of that"
)

// Python is an interpreter that runs the sidecar.
type Python struct {
	// Path is what is executed. Links are kept: a virtual environment is known by them.
	Path string
	// Origin says in words how it was found.
	Origin string
}

// FindPython returns the interpreter for the sidecar: the one that ATMOS_AI_PYTHON names, else one beside the real path
// of executable, else python3 on PATH. A python beside counts at once in a virtual environment; in a folder such as
// /usr/local/bin, and on PATH, it counts only when it has the package.
func FindPython(ctx context.Context, executable string) (Python, error) {
	if name := os.Getenv(pythonVariable); name != "" {
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.Abs(path) // it is started in another folder than this one, perhaps
		}
		if err != nil {
			return Python{}, &StartError{
				What:   fmt.Sprintf("%s names %q, which cannot be run: %v", pythonVariable, name, err),
				Remedy: "set it to a Python 3.11 or newer that has the package atmos-ai-sidecar, or unset it",
			}
		}
		return Python{Path: path, Origin: pythonVariable}, nil
	}
	beside := ""
	if real, err := filepath.EvalSymlinks(executable); err == nil {
		beside = filepath.Dir(real)
		for _, name := range pythonNames() {
			path, err := exec.LookPath(filepath.Join(beside, name))
			if err == nil && (isVirtualEnvironment(beside) || hasPackage(ctx, path)) {
				return Python{Path: path, Origin: "beside " + filepath.Base(executable)}, nil
			}
		}
	}
	path := onPath("python3")
	if path != "" && hasPackage(ctx, path) {
		return Python{Path: path, Origin: "python3 on PATH"}, nil
	}
	if path != "" && installedForUserOnly(ctx, path) {
		return Python{}, &StartError{
			What:   "the only Python with the package atmos-ai-sidecar, " + path + ", has it for one user",
			Remedy: forUserOnly,
		}
	}
	return Python{}, &StartError{
		What: "no Python with the package atmos-ai-sidecar was found: " + pythonVariable + " is not set, there is none beside " +
			filepath.Join(beside, filepath.Base(executable)) + ", and python3 on PATH is missing or lacks the package",
		Remedy: "install the package in an environment of its own, with `pipx install atmos-ai-sidecar`, " +
			"`uv tool install atmos-ai-sidecar` or pip in a virtual environment, and use its atmos-ai; or set " + pythonVariable +
			" to a Python that has the package",
	}
}

// onPath returns the first program of that name on PATH, or nothing. Relative folders do not count: a project must not
// bring its own, nor hide the one behind it.
func onPath(name string) string {
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(folder) {
			if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return path
			}
		}
	}
	return ""
}

// installedForUserOnly tells whether the package is in the user's site folder, which `python -I` ignores on purpose.
func installedForUserOnly(ctx context.Context, python string) bool {
	return succeeds(ctx, python, "-E", "-P", "-c", probe)
}

func hasPackage(ctx context.Context, python string) bool {
	return succeeds(ctx, python, "-I", "-c", probe)
}

func succeeds(ctx context.Context, name string, arguments ...string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Env = withoutPython(os.Environ())
	return command.Run() == nil
}

func isVirtualEnvironment(folder string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(folder), "pyvenv.cfg"))
	return err == nil
}

func pythonNames() []string {
	if runtime.GOOS == "windows" {
		return []string{"python.exe"}
	}
	return []string{"python3", "python"}
}
