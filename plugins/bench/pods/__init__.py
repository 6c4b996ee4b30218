"""Figures of Kubernetes: each brings up a small cluster of its own, at the fast pace, in this process."""
