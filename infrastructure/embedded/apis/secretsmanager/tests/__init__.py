"""Tests of secretsmanager."""
