"""The life of the process: launch, life line, shutdown. No library of others, so that the start is fast."""
