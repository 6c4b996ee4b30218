"""Tests of envoy."""
