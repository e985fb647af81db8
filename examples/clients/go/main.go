// A client in Go: `go run . [PROJECT]` lists sessions, hosts a tool, and runs turns that use the tool and that ask.
// It launches a sidecar of its own; with ATMOS_AI_ADDRESS and ATMOS_AI_TOKEN it attaches to one that runs.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/atmosai/client"
	pb "github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim/gen/atmos_ai_sidecar/v1"
)

func connect(ctx context.Context, project string) (*client.Client, error) {
	if address := os.Getenv("ATMOS_AI_ADDRESS"); address != "" {
		return client.Attach(address, os.Getenv("ATMOS_AI_TOKEN"))
	}
	return client.Launch(ctx, project)
}

func listSessions(ctx context.Context, sessions pb.SessionServiceClient) error {
	var names []string
	for token, more := "", true; more; more = token != "" {
		page, err := sessions.ListSessions(ctx, &pb.ListSessionsRequest{PageToken: token})
		if err != nil {
			return err
		}
		for _, session := range page.GetSessions() {
			names = append(names, session.GetName())
		}
		token = page.GetNextPageToken()
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	fmt.Println("sessions:", strings.Join(names, ", "))
	return nil
}

func ticket() *pb.Tool {
	schema := &structpb.Struct{}
	if err := schema.UnmarshalJSON([]byte(`{"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}`)); err != nil {
		panic(err)
	}
	description := "Says what a ticket of the tracker is about."
	return &pb.Tool{Name: "ticket", Description: description, InputSchema: schema, Effect: pb.Effect_EFFECT_READ}
}

// host registers the tool and answers calls of it until the context ends.
func host(ctx context.Context, tools pb.ToolRegistryServiceClient) error {
	stream, err := tools.HostTools(ctx)
	if err != nil {
		return err
	}
	register := &pb.HostToolsRequest_Register{HostName: "example", Tools: []*pb.Tool{ticket()}}
	_ = stream.Send(&pb.HostToolsRequest{Event: &pb.HostToolsRequest_Register_{Register: register}}) // Recv has the error
	if _, err := stream.Recv(); err != nil {
		return err
	}
	go func() {
		for {
			event, err := stream.Recv()
			if err != nil {
				return // the program ends, or the sidecar
			}
			if call := event.GetCall(); call != nil {
				key := call.GetToolCall().GetInput().GetFields()["key"].GetStringValue()
				result := &pb.ToolResult{Success: true, Output: key + " is open."}
				done := &pb.HostToolsRequest_Result{CallId: call.GetCallId(), ToolResult: result}
				_ = stream.Send(&pb.HostToolsRequest{Event: &pb.HostToolsRequest_Result_{Result: done}})
			}
		}
	}()
	return nil
}

// allowOnce shows a question and answers it; a program for people would read the answer.
func allowOnce(ctx context.Context, permissions pb.PermissionServiceClient, request *pb.PermissionRequest) error {
	fmt.Println("\n" + strings.Join(request.GetLines(), "\n"))
	answer := &pb.ResolvePermissionRequestRequest{PermissionRequestId: request.GetPermissionRequestId(), Digest: request.GetDigest()}
	for _, option := range request.GetOptions() {
		if option.GetAnswer() == pb.Answer_ANSWER_ALLOW_ONCE {
			answer.OptionId = option.GetOptionId()
			fmt.Println(">", option.GetLabel())
		}
	}
	_, err := permissions.ResolvePermissionRequest(ctx, answer)
	return err
}

func runTurn(ctx context.Context, connected *client.Client, text string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pb.NewChatServiceClient(connected.Connection()).Chat(ctx)
	if err != nil {
		return err
	}
	attach := &pb.ChatRequest_Attach{Session: &pb.ChatRequest_Attach_SessionName{SessionName: "example"}, Interactive: true}
	_ = stream.Send(&pb.ChatRequest{Event: &pb.ChatRequest_Attach_{Attach: attach}})
	_ = stream.Send(&pb.ChatRequest{Event: &pb.ChatRequest_UserMessage_{UserMessage: &pb.ChatRequest_UserMessage{Text: text}}})
	fmt.Println("\nyou:", text)
	for {
		received, err := stream.Recv()
		if err != nil {
			return err
		}
		switch event := received.GetEvent().(type) {
		case *pb.ChatResponse_TextDelta_:
			fmt.Print(event.TextDelta.GetText())
		case *pb.ChatResponse_ToolCallStarted_:
			fmt.Println("\n*", event.ToolCallStarted.GetTitle())
		case *pb.ChatResponse_PermissionRequested_:
			permissions := pb.NewPermissionServiceClient(connected.Connection())
			if err := allowOnce(ctx, permissions, event.PermissionRequested.GetPermissionRequest()); err != nil {
				return err
			}
		case *pb.ChatResponse_TurnFinished_:
			fmt.Println("\n"+event.TurnFinished.GetStopReason().String(), event.TurnFinished.GetMessage())
			return nil
		}
	}
}

func run(ctx context.Context, project string) error {
	connected, err := connect(ctx, project)
	if err != nil {
		return err
	}
	defer connected.Close()
	if err := listSessions(ctx, pb.NewSessionServiceClient(connected.Connection())); err != nil {
		return err
	}
	if err := host(ctx, pb.NewToolRegistryServiceClient(connected.Connection())); err != nil {
		return err
	}
	if err := runTurn(ctx, connected, "Use the tool ticket with key NET-7."); err != nil {
		return err
	}
	return runTurn(ctx, connected, "Plan the database in ue1-prod.")
}

func main() {
	if err := run(context.Background(), append(os.Args, ".")[1]); err != nil {
		log.Fatal(err)
	}
}
