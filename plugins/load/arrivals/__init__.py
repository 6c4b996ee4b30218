"""One arrival shape per file."""
