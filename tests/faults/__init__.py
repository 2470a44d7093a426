"""Precision faults: kernels that compute with too few bits, and the checks that see them."""
