"""Tests of redis."""
