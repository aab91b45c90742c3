"""Benchmarks of the spool, with its peers beside it. See README.md; nothing here is installed."""
