//go:build linux

package atmosai

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

const programVariable = "ATMOSAI_TEST_PROGRAM"

// reports answers with what the shim has sent, line by line, and the exit code 7.
var reports = fakesidecar.Script{Run: func(start *sidecarv1.RunRequest_Start, terminal fakesidecar.Terminal) error {
	code := int32(7)
	var text strings.Builder
	fmt.Fprintf(&text, "arguments %q\ndirectory %s\n", start.GetArguments(), start.GetWorkingDirectory())
	for _, entry := range start.GetEnvironment() {
		if strings.HasPrefix(string(entry), atmosVariable) {
			fmt.Fprintf(&text, "%s\n", entry)
		}
	}
	return terminal.Send(&sidecarv1.RunResponse{RunId: "r1", Stdout: []byte(text.String()), ExitCode: &code})
}}

// TestMain makes this binary four programs: the fake sidecar, atmos-ai, an Atmos with the assistant in it, and the tests.
func TestMain(m *testing.M) {
	fakesidecar.Main(map[string]fakesidecar.Script{"reports": reports})
	switch os.Getenv(programVariable) {
	case "atmos-ai":
		os.Exit(ExitCode(Command().Execute()))
	case "atmos", "atmos-traverse":
		root := atmosTree()
		root.TraverseChildren = os.Getenv(programVariable) == "atmos-traverse"
		if err := Attach(root); err != nil {
			panic(err)
		}
		if err := root.Execute(); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// atmosTree has the shape of Atmos' own: global flags on the root, and a root that changes the folder for --chdir even
// when a command parses no flags.
func atmosTree() *cobra.Command {
	root := &cobra.Command{Use: "atmos", PersistentPreRun: func(*cobra.Command, []string) {
		if i := slices.Index(os.Args, "--chdir"); i > 0 {
			_ = os.Chdir(os.Args[i+1])
		}
	}}
	root.PersistentFlags().StringP("chdir", "C", "", "")
	root.PersistentFlags().StringSlice("profile", nil, "")
	root.PersistentFlags().String("identity", "", "")
	root.PersistentFlags().Bool("no-color", false, "")
	ai := &cobra.Command{Use: "ai"}
	for _, name := range []string{"ask", "chat", "exec", "sessions", "skill"} {
		ai.AddCommand(&cobra.Command{Use: name, Short: "of Atmos", Run: func(*cobra.Command, []string) { fmt.Println("Atmos' own " + name) }})
	}
	child(ai, "sessions").Aliases = []string{"session"}
	root.AddCommand(ai, &cobra.Command{Use: "version", Run: func(*cobra.Command, []string) {}})
	return root
}
