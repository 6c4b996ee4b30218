"""The ways to change an object by saying what is different."""
