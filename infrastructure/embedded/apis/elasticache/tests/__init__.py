"""Tests of elasticache."""
