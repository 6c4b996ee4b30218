"""Tests of the loyalty service."""
