"""The only command tree, a file per command."""
