package sidecar

import (
	"bufio"
	"bytes"
	"slices"
	"testing"
)

// FuzzHandshake gives the parser whatever a broken or hostile sidecar may print.
func FuzzHandshake(f *testing.F) {
	good := `{"protocol_version":1,"address":"unix:///s","instance_id":"i","pid":7,"capabilities":["b","a"]}`
	for _, seed := range []string{
		ourPrefix + good + "\n",
		"noise\nmore noise " + ourPrefix + good + "\n",
		ourPrefix + `{"error":{"reason":"INTERNAL_ERROR","message":"m","metadata":{"a":"b"}}}` + "\n",
		anyPrefix + "2|{}\n", ourPrefix, ourPrefix + "\n", ourPrefix + "{\n", anyPrefix + "|\n", "\n\n\n", "",
		ourPrefix + `{"protocol_version":1,"pid":-1}` + "\n",
		string(bytes.Repeat([]byte("x"), maxNoiseBytes)) + "\n",
		ourPrefix + string(bytes.Repeat([]byte("["), 20_000)) + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		reader := bufio.NewReader(bytes.NewReader(output))
		answer, err := readHandshake(reader)
		if (answer == nil) == (err == nil) {
			t.Fatalf("an answer or an error, but %v and %v", answer, err)
		}
		if err != nil {
			return
		}
		if answer.Address == "" || answer.InstanceID == "" || answer.PID < 1 || answer.ProtocolVersion != protocolVersion {
			t.Errorf("taken although something is missing: %+v", answer)
		}
		if !slices.IsSorted(answer.Capabilities) || !bytes.Contains(output, []byte(ourPrefix)) {
			t.Errorf("%+v was made of %q", answer, output)
		}
	})
}
