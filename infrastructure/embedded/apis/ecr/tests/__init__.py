"""Tests of ecr."""
