"""The inventory service: what every store has of every item, and what of it is promised to orders."""
