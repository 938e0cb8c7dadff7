"""Benchmarks against a real API server: `python -m bench`.

Machines differ and this one may be busy: what counts are ratios within one run, never a time by itself.
"""
