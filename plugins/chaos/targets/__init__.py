"""What faults act on, as they see it: how much of it there is, what is healthy, what is still missing."""
