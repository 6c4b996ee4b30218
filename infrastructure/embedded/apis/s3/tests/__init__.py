"""Tests of s3."""
