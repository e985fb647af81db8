"""Outside things, one folder or file each; the only importers of their drivers."""
