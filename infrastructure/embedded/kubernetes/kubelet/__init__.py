"""What a node does: its pods are processes."""
