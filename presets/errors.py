"""The one exception that means: the user can mend this; and what is told of a file that cannot be used."""

import os


class InputError(Exception):
    """A mistake in what the user gave: a file, a key, a value, a folder, a name.

    The text names the thing, the place and the remedy, and is shown as it stands, without a traceback. A command that
    meets it ends with exit code 2; a worker ends its run as failed with this text as the reason.
    """


def unusable(error: OSError) -> str:
    """What is told of a file that nobody foresaw could not be used, such as one of another user's run.

    Returns:
        One sentence with a remedy; empty where the error names no file.
    """
    if error.filename is None:
        return ""
    named = [file for file in (error.filename, error.filename2) if file is not None]
    files = " and ".join(os.fsdecode(file) if isinstance(file, bytes) else str(file) for file in named)
    return f"{files}: {error.strerror}. Look at its owner, its permissions and the room on its disk: ls -ld, df."
