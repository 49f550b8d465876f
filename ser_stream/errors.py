"""The errors that the package raises on purpose."""


class InputError(ValueError):
    """A file, device, model or parameter given by the user cannot be used.

    The message is one line that says what was found, where, what is accepted and, where it helps,
    what to do. The command line prints it without a traceback and exits with code 2.
    """


class InferenceError(RuntimeError):
    """A network fails at every window, also after it was opened again.

    The message is one line. The command line prints it and exits with code 1: a new process may
    help, since a driver or a GPU may be in a state that nothing inside this process can leave.
    """
