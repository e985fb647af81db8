"""What the stores have in common: cursors, values in columns and lines, private files, and their errors."""
