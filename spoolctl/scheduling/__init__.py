"""Choosing: which job fits which worker, and why not. Pure: asks no share, knows no clock."""
