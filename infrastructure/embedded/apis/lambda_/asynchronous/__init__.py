"""asynchronous."""
