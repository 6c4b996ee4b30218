"""The books of a platform that takes orders and no payments yet: its payment queue is itself the last book."""
