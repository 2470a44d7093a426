"""Fault injection: what dies, fills up or lies around a run, and what must come of it.

`tests.injections.table` has all of it; what children import stands in modules that load little.
"""
