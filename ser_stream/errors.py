"""The error for input that cannot be used."""


class InputError(ValueError):
    """A file, device, model or parameter given by the user cannot be used.

    The message is one line that says what was found, where, what is accepted and, where it helps,
    what to do. The command line prints it without a traceback and exits with code 2.
    """
