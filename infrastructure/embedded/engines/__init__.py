"""One kind of real server process per file: how to configure it, start it, ask it and stop it."""
