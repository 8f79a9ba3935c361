"""Judging a model on chips, or an inventory against a reference: files in, a report out."""
