"""Reads that were made elsewhere: a department's tables, and the clinical report."""
