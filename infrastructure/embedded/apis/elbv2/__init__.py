"""elbv2."""
