"""The one place where whatever is raised is survived: one broken record blinds nobody (G-9)."""

from types import TracebackType
from typing import Self

from celery.exceptions import SoftTimeLimitExceeded


class Survived:
    """`with Survived() as it:` goes on behind what was raised, which is `it.error`; None when nothing was.

    Who uses it says whom the error befell and leaves it on record. The end of a task's time is raised on: the
    whole task is to stop, and no record is to blame.
    """

    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, SoftTimeLimitExceeded):
            return False
        self.error = error
        return True
