"""How long the platform takes to be well again, or to follow a change."""
