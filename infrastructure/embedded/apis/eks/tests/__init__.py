"""Tests of EKS."""
