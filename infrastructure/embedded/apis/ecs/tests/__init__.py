"""Tests of ecs."""
