"""Cells of a sweep: planned, played together, kept book of."""
