"""Builds adapters and gives them to what uses them. Imported on first use: nothing here is needed to start."""
