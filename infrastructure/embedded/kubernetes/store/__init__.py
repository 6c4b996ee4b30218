"""Every object, in versions: what was, what is, and who hears of it."""
