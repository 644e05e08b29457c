"""Output for people: standard streams that take any text, and tables that fit."""
