"""Tests of the menu service."""
