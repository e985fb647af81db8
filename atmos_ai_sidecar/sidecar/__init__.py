"""The life of the process: launch, life line, shutdown. Only the standard library, so that the start is fast."""
