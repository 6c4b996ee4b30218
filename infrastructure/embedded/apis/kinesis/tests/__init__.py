"""Tests of kinesis."""
