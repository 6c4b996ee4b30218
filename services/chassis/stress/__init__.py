"""Drives a service to a share of its CPU with its own kind of work, on every task at once, until it is stopped."""
