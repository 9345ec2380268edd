"""Measurements: each prints a table; none is part of the tests."""
