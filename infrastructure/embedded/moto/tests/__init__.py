"""Tests of moto."""
