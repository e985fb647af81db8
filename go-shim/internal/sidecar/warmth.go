//go:build linux || darwin

package sidecar

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	keepWarmVariable = "ATMOS_AI_KEEP_WARM"
	maxIdle          = 7 * 24 * time.Hour
)

// projectChoosers are what makes Atmos look for its configuration elsewhere than in the current folder and above.
var projectChoosers = []string{"-C", "--chdir", "--base-path", "--config", "--config-path", "--profile"}

// projectVariables do the same from the environment.
var projectVariables = []string{"ATMOS_CHDIR", "ATMOS_BASE_PATH", "ATMOS_CLI_CONFIG_PATH", "ATMOS_PROFILE"}

// ciVariables are set by CI systems: of Azure, Jenkins, TeamCity and AWS those that do not set CI.
var ciVariables = []string{"CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID"}

// keepWarm returns how long the user wants a sidecar to stay for later runs; 0 for not at all. It is the user's choice
// alone: nothing of a project is read. Under CI a sidecar never stays.
func keepWarm(environment []string) (time.Duration, error) {
	if isCI(environment) {
		return 0, nil
	}
	text, where := variable(environment, keepWarmVariable), keepWarmVariable
	if text == "" {
		home := variable(environment, "HOME")
		configuration := variable(environment, "XDG_CONFIG_HOME")
		if !filepath.IsAbs(configuration) {
			configuration = filepath.Join(home, ".config")
		}
		where = filepath.Join(configuration, "atmos-ai", "config.yaml")
		text = keyOf(where, "keep_warm")
	}
	switch text {
	case "", "0", "off", "false", "no":
		return 0, nil
	}
	idle, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		idle, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || idle <= 0 || idle > maxIdle {
		return 0, &StartError{
			What:   fmt.Sprintf("%s says keep_warm is %q, which is no time of at most 7 days", where, text),
			Remedy: "write it as 10m or 1h, or as off",
		}
	}
	return idle, nil
}

// isCI tells whether nobody comes back to this machine: CI is what most say, some have only a word of their own.
func isCI(environment []string) bool {
	return slices.ContainsFunc(ciVariables, func(name string) bool {
		switch strings.ToLower(variable(environment, name)) {
		case "", "0", "false", "no", "off":
			return false
		}
		return true
	})
}

// keyOf reads one plain top-level key of a YAML file; empty when it is not there.
func keyOf(path, key string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), key+":"); found {
			value, _, _ = strings.Cut(value, " #")
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// mayShare tells whether a run belongs to the project of its folder, by nothing but that folder. A run that chooses its
// project otherwise, and the commands about sidecars, get one of their own.
func mayShare(arguments, environment []string) bool {
	if len(arguments) > 0 && arguments[0] == "sidecar" {
		return false
	}
	for _, name := range projectVariables {
		if variable(environment, name) != "" {
			return false
		}
	}
	return !slices.ContainsFunc(arguments, func(argument string) bool {
		name, _, _ := strings.Cut(argument, "=")
		return slices.Contains(projectChoosers, name)
	})
}

// projectOf returns the real folder whose atmos.yaml counts for a folder: the nearest above, else the git root, else
// the folder itself.
func projectOf(directory string) string {
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		directory = real
	}
	for _, wanted := range [][]string{{"atmos.yaml", ".atmos.yaml"}, {".git"}} {
		for folder := directory; ; folder = filepath.Dir(folder) {
			for _, name := range wanted {
				if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
					return folder
				}
			}
			if folder == filepath.Dir(folder) {
				break
			}
		}
	}
	return directory
}

// nameOf is what the files of a project's sidecar are called. Another Python is another installation.
func nameOf(project string, python Python) string {
	sum := sha256.Sum256([]byte(project + "\x00" + python.Path))
	return hex.EncodeToString(sum[:8])
}

// variable returns the last value of an environment variable.
func variable(environment []string, name string) string {
	for _, entry := range slices.Backward(environment) {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}
