"""Tests of lambda_."""
