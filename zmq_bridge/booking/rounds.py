"""A round of a thread that must go on: what it fails with is told, and the next round comes.

Law: nothing leaves `guarded`. A database that is away or busy is no defect and gets one line; anything else gets its
traceback. What a round had not committed was rolled back on the way here, so the next one starts from what is so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError


@contextmanager
def guarded(log: logging.Logger, name: str) -> Iterator[None]:
    """Keep the thread alive whatever its round fails with; `name` is what the log calls it."""
    try:
        yield
    except SQLAlchemyError as error:
        log.warning("%s: round not finished: %s", name, str(error).splitlines()[0])
    except Exception:  # whatever it is, the next round must come
        log.exception("%s: round failed", name)
