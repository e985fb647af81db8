"""Command lines through tree-sitter and its bash grammar."""

from atmos_ai_sidecar.adapters.command_parser.tree_sitter_parser import TreeSitterCommandParser

__all__ = ["TreeSitterCommandParser"]
