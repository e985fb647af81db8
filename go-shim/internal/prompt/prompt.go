// Package prompt asks the user the sidecar's permission questions and takes the answers back.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	sidecarv1 "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

// Asker is where people are asked.
type Asker interface {
	// Ask shows text and returns the line typed after it, io.EOF for an end of input, or the context's error.
	Ask(ctx context.Context, text string) (string, error)
	// Print shows text.
	Print(text string)
}

// Serve attaches to the questions of one run and asks them one after the other until ctx ends or the stream does. The
// words of a question come from the sidecar, which has made them safe to print; none are made here.
func Serve(ctx context.Context, client sidecarv1.PermissionServiceClient, runID string, asker Asker) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Prompt(ctx)
	if err != nil {
		return err
	}
	attach := &sidecarv1.PromptRequest_Attach{RunId: runID, Name: "terminal"}
	if err := stream.Send(&sidecarv1.PromptRequest{Event: &sidecarv1.PromptRequest_Attach_{Attach: attach}}); err != nil {
		return err
	}
	p := &prompter{asker: asker, answers: make(chan *sidecarv1.PromptRequest_AnswerRequest)}
	events := make(chan *sidecarv1.PromptResponse)
	ended := make(chan error, 1)
	go func() { ended <- receive(ctx, stream, events) }()
	for {
		select {
		case event := <-events:
			p.handle(ctx, event)
		case answer := <-p.answers:
			p.asker.Print(p.note)
			if answer != nil {
				answered := &sidecarv1.PromptRequest{Event: &sidecarv1.PromptRequest_Answer{Answer: answer}}
				if err := stream.Send(answered); err != nil {
					return err
				}
			}
			p.next(ctx)
		case err := <-ended:
			cancel()
			p.wait()
			return err
		}
	}
}

func receive(ctx context.Context, stream sidecarv1.PermissionService_PromptClient, events chan<- *sidecarv1.PromptResponse) error {
	for {
		event, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case events <- event:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// prompter keeps the questions that wait and the one that is asked. It belongs to the goroutine of Serve.
type prompter struct {
	asker   Asker
	waiting []*sidecarv1.PermissionRequest
	asked   *sidecarv1.PermissionRequest
	retract context.CancelFunc
	note    string                                      // to show when the question is off the screen
	answers chan *sidecarv1.PromptRequest_AnswerRequest // nil for a question that was taken back
}

func (p *prompter) handle(ctx context.Context, event *sidecarv1.PromptResponse) {
	switch {
	case event.GetQuestion() != nil:
		p.waiting = append(p.waiting, event.GetQuestion())
		if p.asked == nil {
			p.next(ctx)
		}
	case event.GetSettled() != nil:
		p.settle(event.GetSettled())
	case event.GetAnswerRefused() != nil:
		p.asker.Print("that answer did not count: " + event.GetAnswerRefused().GetMessage() + "\n")
	}
}

// next asks the first question that waits, if there is one.
func (p *prompter) next(ctx context.Context) {
	p.asked, p.retract, p.note = nil, nil, ""
	if len(p.waiting) == 0 {
		return
	}
	p.asked, p.waiting = p.waiting[0], p.waiting[1:]
	asking, retract := context.WithCancel(ctx)
	p.retract = retract
	question := p.asked
	go func() {
		defer retract()
		p.answers <- ask(asking, p.asker, question)
	}()
}

// settle takes a question back that needs no answer any more.
func (p *prompter) settle(settled *sidecarv1.PromptResponse_Settled) {
	id := settled.GetPermissionRequestId()
	for i, question := range p.waiting {
		if question.GetPermissionRequestId() == id {
			p.waiting = append(p.waiting[:i:i], p.waiting[i+1:]...)
			return
		}
	}
	if p.asked.GetPermissionRequestId() == id && p.retract != nil {
		p.retract()
		p.retract = nil
		p.note = fmt.Sprintf("\nthis question is settled: %s%s\n", outcomeWords(settled.GetOutcome()), by(settled.GetResolvedBy()))
	}
}

// wait ends the question that is asked, so that nobody reads the terminal after Serve.
func (p *prompter) wait() {
	if p.asked != nil {
		<-p.answers
	}
}

// ask shows a question until a person has chosen; nil when it was taken back.
func ask(ctx context.Context, asker Asker, question *sidecarv1.PermissionRequest) *sidecarv1.PromptRequest_AnswerRequest {
	text := "\n" + strings.Join(question.GetLines(), "\n") + "\n" + choices(question.GetOptions())
	for {
		line, err := asker.Ask(ctx, text)
		switch {
		case errors.Is(err, io.EOF):
			line = rejectKey(question.GetOptions())
		case err != nil:
			return nil
		}
		if option, comment := choose(question.GetOptions(), line); option != nil {
			return &sidecarv1.PromptRequest_AnswerRequest{
				PermissionRequestId: question.GetPermissionRequestId(),
				OptionId:            option.GetOptionId(),
				Digest:              question.GetDigest(),
				Comment:             comment,
			}
		}
		if text = keys(question.GetOptions()); err != nil {
			return nil // the input has ended and there is no way to say no
		}
	}
}

// choices lists the options and ends with the line to type on.
func choices(options []*sidecarv1.PermissionOption) string {
	var text strings.Builder
	for _, option := range options {
		fmt.Fprintf(&text, "  %s  %s", option.GetKey(), option.GetLabel())
		if option.GetRulePreview() != "" {
			fmt.Fprintf(&text, ": %s", option.GetRulePreview())
		}
		text.WriteByte('\n')
	}
	return text.String() + keys(options)
}

func keys(options []*sidecarv1.PermissionOption) string {
	var all []string
	for _, option := range options {
		all = append(all, option.GetKey())
	}
	return "[" + strings.Join(all, "/") + "] "
}

// choose finds the option for a typed line: its key, and after the key of a rejection the reason for it.
func choose(options []*sidecarv1.PermissionOption, line string) (*sidecarv1.PermissionOption, string) {
	key, comment, _ := strings.Cut(strings.TrimSpace(line), " ")
	comment = strings.TrimSpace(comment)
	for _, option := range options {
		if key == "" || !strings.EqualFold(option.GetKey(), key) {
			continue
		}
		if comment != "" && !isRejection(option) {
			return nil, "" // "a plan would be nice" is not an "always"
		}
		return option, comment
	}
	return nil, ""
}

func isRejection(option *sidecarv1.PermissionOption) bool {
	return option.GetAnswer() == sidecarv1.Answer_ANSWER_REJECT_ONCE || option.GetAnswer() == sidecarv1.Answer_ANSWER_REJECT_ALWAYS
}

func rejectKey(options []*sidecarv1.PermissionOption) string {
	for _, option := range options {
		if option.GetAnswer() == sidecarv1.Answer_ANSWER_REJECT_ONCE {
			return option.GetKey()
		}
	}
	return ""
}

func outcomeWords(outcome sidecarv1.Answer) string {
	name := strings.TrimPrefix(outcome.String(), "ANSWER_")
	return strings.ToLower(strings.ReplaceAll(name, "_", " "))
}

func by(name string) string {
	if name == "" {
		return ""
	}
	return " by " + name
}
