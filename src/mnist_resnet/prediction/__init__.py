"""The classification of a user's own pictures."""
