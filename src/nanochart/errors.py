"""The one exception that nanochart raises on purpose: what was wrong, where, and what to do."""


class NanochartError(Exception):
    """Bad input or an impossible request, told in one line a person can act on.

    The command line prints the message and exits with status 1; everything else is a bug
    and shows its traceback.
    """
