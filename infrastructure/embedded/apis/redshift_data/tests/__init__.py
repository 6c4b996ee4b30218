"""Tests of redshift_data."""
