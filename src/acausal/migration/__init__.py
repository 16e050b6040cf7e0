"""Configuration files of the earlier system, read and turned into experiments."""
