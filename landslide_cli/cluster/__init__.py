"""Bands of scenes in other processes and on other machines, by Dask; only here anything knows of it."""
