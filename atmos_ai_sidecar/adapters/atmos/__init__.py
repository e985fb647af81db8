"""The atmos command line, and the tools that use it."""
