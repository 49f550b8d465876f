"""The one error users are meant to see."""


class InputError(ValueError):
    """Something the user gave cannot be used: a file, a device, a model, a parameter.

    The message is one line that says what was found, where, what is accepted and, where it helps,
    what to do. The command line prints it without a traceback and exits with code 2.
    """
