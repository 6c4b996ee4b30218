"""Tests of sqs."""
