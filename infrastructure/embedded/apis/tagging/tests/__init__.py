"""Tests of tagging."""
