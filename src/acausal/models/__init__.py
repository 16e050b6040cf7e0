"""The outside: everything that talks to a language model."""
