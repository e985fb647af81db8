"""One folder or file per outside thing, the only importers of its driver."""
