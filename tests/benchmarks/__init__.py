"""Benchmarks, outside of the tests: `python -m tests.benchmarks`."""
