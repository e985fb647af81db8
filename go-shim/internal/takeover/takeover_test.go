package takeover

import (
	"slices"
	"strings"
	"testing"
)

func TestTheAssistantsLinesAreToldFromAtmosOwn(t *testing.T) {
	for line, want := range map[string]string{
		"ai chat":                                        "chat",
		"ai chat --session x":                            "chat --session x",
		"--chdir sub ai chat":                            "chat --chdir sub",
		"--chdir=sub -C other ai chat":                   "chat --chdir=sub -C other",
		"ai --profile dev ask why":                       "ask --profile dev why",
		"--identity chat ai exec -f json x":              "exec --identity chat -f json x",
		"--no-color ai --verbose sessions":               "sessions --no-color --verbose",
		"ai session list":                                "sessions list",
		"ai exec --identity=me -- ai chat":               "exec --identity=me -- ai chat",
		"--logs-level Debug ai permissions":              "permissions --logs-level Debug",
		"--base-path ai ai tools list":                   "tools --base-path ai list",
		"--config a.yaml --config b ai doctor":           "doctor --config a.yaml --config b",
		"ai mcp":                                         "mcp",
		"--pager less ai chat":                           "chat --pager less",
		"--pager=less ai --pager chat":                   "not ours",
		"ai --use-version 1.2 --pager --ai ask":          "ask --use-version 1.2 --pager --ai",
		"--heatmap-mode bar ai --profiler-port 1 doctor": "doctor --heatmap-mode bar --profiler-port 1",
		"--redirect-stderr ai ai chat":                   "chat --redirect-stderr ai",
		"ai --chdir":                                     "not ours",
		"ai chat --chdir":                                "chat --chdir",
		"ai chat --config= --config-path=a":              "chat --config= --config-path=a",
		"":                                               "not ours",
		"ai":                                             "not ours",
		"ai --help":                                      "not ours",
		"ai skill list":                                  "not ours",
		"ai skill chat":                                  "not ours",
		"terraform plan vpc -s ai":                       "not ours",
		"chat":                                           "not ours",
		"-- ai chat":                                     "not ours",
		"ai -- chat":                                     "not ours",
		"--chdir ai chat":                                "not ours",
		"--identity --no-color ai chat":                  "chat --identity --no-color",
		"terraform ai chat":                              "not ours",
	} {
		got, isOurs := Line(strings.Fields(line))
		if isOurs != (want != "not ours") || isOurs && !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestALineIsNeverChangedInPlace(t *testing.T) {
	arguments := []string{"--no-color", "ai", "chat", "--session", "x"}
	before := slices.Clone(arguments)
	if _, found := Line(arguments); !found || !slices.Equal(arguments, before) {
		t.Error(arguments)
	}
}
