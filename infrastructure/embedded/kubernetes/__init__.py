"""A Kubernetes cluster of real processes: API server, controllers, and a kubelet for each node."""
