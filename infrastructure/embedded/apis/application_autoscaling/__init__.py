"""application_autoscaling."""
