"""The menu service: what the chain sells and at what price, read from memory and kept in DocumentDB."""
