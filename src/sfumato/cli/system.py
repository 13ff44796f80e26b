"""What the operating system refuses, in the words of our errors."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from sfumato.errors import DiskFull, SfumatoError, UsageError

_HINTS: Mapping[int, str] = {
    errno.EACCES: "choose another place, or change its permissions.",
    errno.EPERM: "choose another place, or change its permissions.",
    errno.EROFS: "choose another place: this one is read-only.",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another place.",
    errno.EEXIST: "a file stands where a folder is needed: choose another place.",
    errno.EISDIR: "a folder stands where a file is needed: choose another place.",
    errno.ENAMETOOLONG: "choose a shorter name.",
}


def refusal(error: OSError) -> SfumatoError:
    """The system's error as one of ours."""
    where = "" if error.filename is None else f" '{error.filename}'"
    why = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no room left to write{where}.",
            why=why,
            hint="free some space and run the same command again.",
        )
    hint = _HINTS.get(error.errno or 0, "")
    return UsageError(f"The system refused to use{where or ' a file'}.", why=why, hint=hint)
