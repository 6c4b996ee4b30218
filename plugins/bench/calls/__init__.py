"""How fast single calls are answered."""
