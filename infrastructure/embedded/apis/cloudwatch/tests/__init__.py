"""Tests of cloudwatch."""
