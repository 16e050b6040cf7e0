"""Agents ask, matches are played, tournaments flow."""
