"""The edge for people: the command tree, and the chat."""
