"""Tests of elbv2."""
