"""Tests of memorydb."""
