"""Measurements that the docs quote, each with how to repeat it; no part of the package."""
