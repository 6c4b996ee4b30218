"""Tests of the payment processor."""
