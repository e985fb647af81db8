package prompt

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

const patience = 5 * time.Second

func request(id string) *sidecarv1.PermissionRequest {
	return &sidecarv1.PermissionRequest{
		PermissionRequestId: id, Digest: "digest of " + id, Lines: []string{"Run " + id + "?"},
		Options: []*sidecarv1.PermissionOption{
			{OptionId: "once", Key: "y", Label: "allow once", Answer: sidecarv1.Answer_ANSWER_ALLOW_ONCE},
			{OptionId: "always", Key: "a", Label: "always", Answer: sidecarv1.Answer_ANSWER_ALLOW_ALWAYS, RulePreview: "tool x"},
			{OptionId: "no", Key: "n", Label: "reject", Answer: sidecarv1.Answer_ANSWER_REJECT_ONCE},
			{OptionId: "never", Key: "d", Label: "never", Answer: sidecarv1.Answer_ANSWER_REJECT_ALWAYS},
		},
	}
}

func TestALineChoosesByItsKeyAndOnlyARejectionTakesAReason(t *testing.T) {
	for line, want := range map[string]string{
		"y": "once", " Y ": "once", "a": "always", "n": "no", "d": "never", "n too early": "no:too early", "d  not  here ": "never:not  here",
		"": "", "yes": "", "y please": "", "a plan": "", "x": "", "ny": "",
	} {
		option, comment := choose(request("p").GetOptions(), line)
		got := option.GetOptionId()
		if comment != "" {
			got += ":" + comment
		}
		if got != want {
			t.Errorf("%q chooses %q, want %q", line, got, want)
		}
	}
}

func TestAnOptionWithoutAKeyIsNeverChosen(t *testing.T) {
	options := []*sidecarv1.PermissionOption{{OptionId: "hidden", Answer: sidecarv1.Answer_ANSWER_ALLOW_ONCE}}
	if option, _ := choose(options, ""); option != nil {
		t.Error("an empty line chose it")
	}
}

func TestQuestionsAreAskedOneAfterTheOther(t *testing.T) {
	s := serve(t)
	s.offer("p1")
	s.offer("p2")
	if shown := s.shown(); !strings.HasPrefix(shown, "\nRun p1?\n  y  allow once\n  a  always: tool x\n") || !strings.HasSuffix(shown, "[y/a/n/d] ") {
		t.Errorf("shown %q", shown)
	}
	s.lines <- "y"
	s.wantAnswer("p1 once digest of p1 ")
	if shown := s.shown(); !strings.Contains(shown, "Run p2?") {
		t.Errorf("shown %q", shown)
	}
	s.lines <- "n not now"
	s.wantAnswer("p2 no digest of p2 not now")
}

func TestAnythingElseAsksAgain(t *testing.T) {
	s := serve(t)
	s.offer("p1")
	s.shown()
	s.lines <- "perhaps"
	if shown := s.shown(); shown != "[y/a/n/d] " {
		t.Errorf("shown %q", shown)
	}
	s.lines <- "d"
	s.wantAnswer("p1 never digest of p1 ")
}

func TestTheEndOfTheInputRejects(t *testing.T) {
	s := serve(t)
	s.offer("p1")
	s.shown()
	close(s.lines)
	s.wantAnswer("p1 no digest of p1 ")
}

func TestASettledQuestionIsTakenBackAndTheNextIsAsked(t *testing.T) {
	s := serve(t)
	s.offer("p1")
	s.offer("p2")
	s.offer("p3")
	s.shown()
	s.settle("p2")
	s.settle("p1")
	if printed := s.wantPrinted(); !strings.Contains(printed, "this question is settled: allow once by chat") {
		t.Errorf("printed %q", printed)
	}
	if shown := s.shown(); !strings.Contains(shown, "Run p3?") {
		t.Errorf("shown %q", shown)
	}
}

func TestARefusedAnswerIsSaid(t *testing.T) {
	s := serve(t)
	s.events <- &sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_AnswerRefused_{
		AnswerRefused: &sidecarv1.PromptResponse_AnswerRefused{Message: "too late"},
	}}
	if printed := s.wantPrinted(); printed != "that answer did not count: too late\n" {
		t.Errorf("printed %q", printed)
	}
}

func TestTheEndOfTheStreamLeavesNobodyAsking(t *testing.T) {
	s := serve(t)
	s.offer("p1")
	s.shown()
	close(s.events)
	if err := <-s.ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if s.asking {
		t.Error("the question is still asked")
	}
}

// scene is a served prompter between a stream and a person, both played by the test.
type scene struct {
	grpc.ClientStream

	t       *testing.T
	ctx     context.Context
	events  chan *sidecarv1.PromptResponse
	sent    chan *sidecarv1.PromptRequest
	texts   chan string
	printed chan string
	lines   chan string
	ended   chan error
	asking  bool
}

func serve(t *testing.T) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &scene{
		t: t, ctx: ctx, events: make(chan *sidecarv1.PromptResponse), sent: make(chan *sidecarv1.PromptRequest, 1),
		texts: make(chan string), printed: make(chan string, 8), lines: make(chan string), ended: make(chan error, 1),
	}
	go func() { s.ended <- Serve(ctx, client{scene: s}, "run-1", s) }()
	if first := <-s.sent; first.GetAttach().GetRunId() != "run-1" || first.GetAttach().GetName() != "terminal" {
		t.Errorf("attached with %v", first)
	}
	return s
}

func (s *scene) offer(id string) {
	s.events <- &sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Question{Question: request(id)}}
}

func (s *scene) settle(id string) {
	s.events <- &sidecarv1.PromptResponse{Event: &sidecarv1.PromptResponse_Settled_{Settled: &sidecarv1.PromptResponse_Settled{
		PermissionRequestId: id, Outcome: sidecarv1.Answer_ANSWER_ALLOW_ONCE, ResolvedBy: "chat",
	}}}
}

func (s *scene) shown() string { return s.receive(s.texts) }

func (s *scene) wantPrinted() string { return s.receive(s.printed) }

func (s *scene) receive(from chan string) string {
	s.t.Helper()
	select {
	case text := <-from:
		return text
	case <-s.ctx.Done():
		s.t.Fatal("nothing was shown")
		return ""
	}
}

func (s *scene) wantAnswer(want string) {
	s.t.Helper()
	select {
	case request := <-s.sent:
		answer := request.GetAnswer()
		if got := strings.Join([]string{answer.GetPermissionRequestId(), answer.GetOptionId(), answer.GetDigest(), answer.GetComment()}, " "); got != want {
			s.t.Errorf("answered %q, want %q", got, want)
		}
	case <-s.ctx.Done():
		s.t.Fatal("no answer was sent")
	}
}

// Ask and Print play the terminal.
func (s *scene) Ask(ctx context.Context, text string) (string, error) {
	s.asking = true
	defer func() { s.asking = false }()
	select {
	case s.texts <- text:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case line, open := <-s.lines:
		if !open {
			return "", io.EOF
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *scene) Print(text string) {
	if text != "" {
		s.printed <- text
	}
}

// Send and Recv play the stream.
func (s *scene) Send(request *sidecarv1.PromptRequest) error {
	s.sent <- request
	return nil
}

func (s *scene) Recv() (*sidecarv1.PromptResponse, error) {
	select {
	case event, open := <-s.events:
		if !open {
			return nil, io.EOF
		}
		return event, nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

type client struct {
	sidecarv1.PermissionServiceClient

	scene *scene
}

func (c client) Prompt(context.Context, ...grpc.CallOption) (sidecarv1.PermissionService_PromptClient, error) {
	return c.scene, nil
}
