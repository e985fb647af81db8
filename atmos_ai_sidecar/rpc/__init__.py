"""The edge for programs: the gRPC server and its services."""
