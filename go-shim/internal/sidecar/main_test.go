//go:build linux

package sidecar

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/internal/fakesidecar"
)

var scripts = map[string]fakesidecar.Script{
	"good":       {},
	"some noise": {Noise: func(out io.Writer) { fmt.Fprint(out, strings.Repeat("warning: old library\n", 64)) }},
	"colours":    {Noise: func(out io.Writer) { fmt.Fprint(out, "\x1b[31mred\x1b[0m\n\x1b[2J") }},
	"no newline": {Noise: func(out io.Writer) { fmt.Fprint(out, "half a line: ") }},
	"binary":     {Noise: func(out io.Writer) { _, _ = out.Write([]byte{0, 255, 254, '\n', 1, '\n'}) }},
	"too many lines": {Noise: func(out io.Writer) {
		fmt.Fprint(out, strings.Repeat("chatter\n", 1000))
	}},
	"a line without end": {Noise: func(out io.Writer) { fmt.Fprint(out, strings.Repeat("x", 300_000)) }},
	"a partial line and silence": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Print("ATMOS-AI-SIDECAR|1|{\"protocol")
		untilLifeLineEnds()
	}},
	"closed output": {Launch: func(fakesidecar.Bootstrap) {
		_ = os.Stdout.Close()
		untilLifeLineEnds()
	}},
	"traceback": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Fprint(os.Stderr, "Traceback (most recent call last):\n  File \"x.py\", line 1\n    import grpc\nModuleNotFoundError: No module named 'grpc'\n")
		os.Exit(1)
	}},
	"damaged": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Fprintln(os.Stderr, "atmos-ai-sidecar: The installation is damaged: The grpc package is at version 1.50.0.")
		fmt.Println(`ATMOS-AI-SIDECAR|1|{"error": {"reason": "INTERNAL_ERROR", "message": "damaged", "metadata": {}}}`)
		os.Exit(70)
	}},
	"no package": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Fprintf(os.Stderr, "%s: No module named atmos_ai_sidecar\n", os.Args[0])
		os.Exit(1)
	}},
	"escape sequences": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Fprint(os.Stderr, strings.Repeat("old ", 2000)+"\n\x1b]0;title\x07bad\u202e\xff\n")
		os.Exit(70)
	}},
	"refuses": {Launch: func(fakesidecar.Bootstrap) {
		fmt.Println(`ATMOS-AI-SIDECAR|1|{"error": {"reason": "CONFIGURATION_INVALID", "message": "line 3 is wrong", "metadata": {}}}`)
		os.Exit(78)
	}},
	"a later handshake": {Launch: func(fakesidecar.Bootstrap) { fmt.Println(`ATMOS-AI-SIDECAR|2|{}`) }},
	"no JSON":           {Launch: func(fakesidecar.Bootstrap) { fmt.Println(`ATMOS-AI-SIDECAR|1|{"pid"`) }},
	"a later protocol":  {Handshake: func(values map[string]any) { values["protocol_version"] = 2 }},
	"no instance":       {Handshake: func(values map[string]any) { delete(values, "instance_id") }},
	"another instance":  {Handshake: func(values map[string]any) { values["instance_id"] = "somebody-else" }},
	"another address":   {Handshake: func(values map[string]any) { values["address"] = "unix:///tmp/s.sock" }},
	"an address over tcp": {Handshake: func(values map[string]any) {
		values["address"] = "127.0.0.1:4711"
	}},
	"unknown keys": {Handshake: func(values map[string]any) { values["colour"] = "blue" }},
	"shows environment": {Launch: func(hello fakesidecar.Bootstrap) {
		for _, entry := range os.Environ() {
			if strings.HasPrefix(entry, "PYTHON") || strings.Contains(entry, hello.Token) {
				fmt.Fprintln(os.Stderr, "seen", entry)
			}
		}
		session, _ := unix.Getsid(0)
		fmt.Fprintf(os.Stderr, "leads its session %t\narguments hold the token %t\nversion %s\nparent %t\nlevel %s\n",
			session == os.Getpid(), strings.Contains(strings.Join(os.Args, " "), hello.Token), hello.ClientVersion,
			hello.ParentPID == os.Getppid(), hello.LogLevel)
		os.Exit(1)
	}},
}

func untilLifeLineEnds() { _, _ = io.Copy(io.Discard, os.Stdin) }

// TestMain makes this binary two programs: the fake sidecar and the tests.
func TestMain(m *testing.M) {
	fakesidecar.Main(scripts)
	os.Exit(m.Run())
}
