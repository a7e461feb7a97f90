"""What can go wrong with live state; a caller that must fail closed catches `LiveError`.

    LiveError
    ├── LiveUnavailable    Redis did not answer, or answered with an error
    └── LiveMalformed      a key holds something that this program did not write
"""

from collections.abc import Iterator
from contextlib import contextmanager

import redis


class LiveError(Exception):
    """Live state can't be used."""


class LiveUnavailable(LiveError):
    """Redis did not answer as asked."""


class LiveMalformed(LiveError):
    """A key holds something else than this program writes."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn every failure of the Redis client into `LiveUnavailable`."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise LiveUnavailable(f"expected an answer from Redis, found {type(error).__name__}: {error}") from error
