"""Implementations from outside, verified as they are; each names its domain and its command."""
