"""The one exception that means: the user can mend this."""


class InputError(Exception):
    """A mistake in what the user gave: a file, a key, a value, a folder, a name.

    The text names the thing, the place and the remedy, and is shown as it stands, without a traceback. A command that
    meets it ends with exit code 2; a worker ends its run as failed with this text as the reason.
    """
