"""event_source."""
