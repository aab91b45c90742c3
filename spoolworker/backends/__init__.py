"""Backends: what makes images, each behind the interface in ``base``."""
