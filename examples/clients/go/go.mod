module example.com/client

go 1.26.0

require (
	github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim v0.0.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
)

// A program of your own leaves this line out and requires a released version.
replace github.com/atmos-ai-sidecar/atmos-ai-sidecar/go-shim => ../../../go-shim
