"""Tests of vpc_lattice."""
