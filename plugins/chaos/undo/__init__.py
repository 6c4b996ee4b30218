"""How a fault is taken back by whoever is left: the journal that was written before, and who goes through it."""
