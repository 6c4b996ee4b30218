"""Tests of application_autoscaling."""
