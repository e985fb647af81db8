package sidecar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	protocolVersion = 1
	magic           = "atmos-ai-sidecar"
	anyPrefix       = "ATMOS-AI-SIDECAR|"
	ourPrefix       = "ATMOS-AI-SIDECAR|1|"
	maxNoiseLines   = 64
	maxNoiseBytes   = 64 * 1024
	maxLineBytes    = 64 * 1024
)

// bootstrap is what the sidecar reads from its standard input, as one line of JSON.
type bootstrap struct {
	Magic            string `json:"magic"`
	ProtocolVersions []int  `json:"protocol_versions"`
	Token            string `json:"token"`
	SocketDirectory  string `json:"socket_directory"`
	ParentPID        int    `json:"parent_pid"`
	ClientName       string `json:"client_name"`
	ClientVersion    string `json:"client_version"`
	LogLevel         string `json:"log_level"`
	// Warm is nil for a sidecar that ends with this process.
	Warm *warmth `json:"warm,omitempty"`
}

// warmth is the bootstrap's part for a sidecar that stays.
type warmth struct {
	IdleSeconds float64 `json:"idle_seconds"`
	Directory   string  `json:"directory"`
	Name        string  `json:"name"`
	Project     string  `json:"project"`
}

func (b bootstrap) line() ([]byte, error) {
	text, err := json.Marshal(b)
	return append(text, '\n'), err
}

// handshake is what the sidecar answers. Unknown keys are ignored.
type handshake struct {
	ProtocolVersion int      `json:"protocol_version"`
	Address         string   `json:"address"`
	InstanceID      string   `json:"instance_id"`
	PID             int      `json:"pid"`
	ServerVersion   string   `json:"server_version"`
	Capabilities    []string `json:"capabilities"`
	Error           *refusal `json:"error"`
}

// refusal is a sidecar's own word on why it does not start.
type refusal struct {
	Reason   string            `json:"reason"`
	Message  string            `json:"message"`
	Metadata map[string]string `json:"metadata"`
}

var errNoise = fmt.Errorf("no handshake in the first %d lines or %d bytes of its output", maxNoiseLines, maxNoiseBytes)

// readHandshake finds the handshake line in the sidecar's output. Other lines are noise; it reads over a bounded amount
// of them, also over noise that stands before the prefix in the same line.
func readHandshake(output *bufio.Reader) (*handshake, error) {
	for lines, noise := 0, 0; ; lines++ {
		line, err := readLine(output, maxNoiseBytes-noise+maxLineBytes)
		if start := bytes.Index(line, []byte(anyPrefix)); start >= 0 && err == nil {
			return parseHandshake(line[start:])
		}
		if noise += len(line); lines >= maxNoiseLines || noise > maxNoiseBytes {
			return nil, errNoise
		}
		if errors.Is(err, io.EOF) {
			return nil, errors.New("its output ended before the handshake")
		}
		if err != nil {
			return nil, err
		}
	}
}

// readLine reads to the end of a line; a line above limit is cut there and is noise for the caller to count.
func readLine(output *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := output.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > limit {
			return line, err
		}
	}
}

func parseHandshake(line []byte) (*handshake, error) {
	text, ours := bytes.CutPrefix(line, []byte(ourPrefix))
	if !ours {
		version, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte(anyPrefix)), []byte("|"))
		return nil, mismatch(fmt.Sprintf("it answers with handshake version %.20q, this program speaks 1", version))
	}
	var answer handshake
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("its handshake line is not what it must be: %w", err)
	}
	switch {
	case answer.Error != nil:
		return nil, &StartError{Reason: answer.Error.Reason, What: answer.Error.Message}
	case answer.ProtocolVersion != protocolVersion:
		return nil, mismatch(fmt.Sprintf("it speaks protocol %d, this program speaks %d", answer.ProtocolVersion, protocolVersion))
	case answer.Address == "" || answer.InstanceID == "" || answer.PID < 1:
		return nil, errors.New("its handshake line lacks address, instance_id or pid")
	}
	slices.Sort(answer.Capabilities)
	return &answer, nil
}

func mismatch(what string) *StartError {
	return &StartError{
		Reason: "PROTOCOL_MISMATCH",
		What:   what,
		Remedy: "install the same version of atmos-ai and of the Python package atmos-ai-sidecar",
	}
}
