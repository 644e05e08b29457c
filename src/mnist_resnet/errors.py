"""The errors that a user can do something about."""


class UserError(Exception):
    """Something that the message tells a user how to put right; no traceback is needed for that."""
