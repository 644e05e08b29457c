"""The errors that a user can put right."""


class UserError(Exception):
    """Something that the message tells a user how to put right; no traceback is needed for that."""
