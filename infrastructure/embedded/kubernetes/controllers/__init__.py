"""What makes the cluster follow its objects, each a controller of one kind."""
