"""Tables, figures and documents for people and their scripts."""
