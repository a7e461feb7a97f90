"""One way to reach Redis: bounded waits, one quick retry, never a hang.

A caller in the path of an order must know within a second or so that live state is gone, so that it can deny. Who
appends takes `sent_once`: a server that stalls for longer than we wait does what it was sent all the same, and a second
try would double it.
"""

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from zmq_bridge.live.errors import LiveError

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 1.0
HEALTH_CHECK_INTERVAL_S = 15
"""A connection idle for longer is pinged before use: a restarted server costs no failed request."""

RETRIES_MAX = 1
RETRY_WAIT_S_MAX = 0.05


class RedisUrlInvalid(LiveError):
    """`REDIS_URL` can't be understood."""


def open_redis(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> redis.Redis:
    """Make a client; it connects at its first command.

    Raises:
        RedisUrlInvalid: expected redis://, rediss:// or unix://.
    """
    try:
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=answer_timeout_s,
            socket_keepalive=True,
            health_check_interval=HEALTH_CHECK_INTERVAL_S,
            retry=Retry(ExponentialBackoff(cap=RETRY_WAIT_S_MAX, base=0.01), RETRIES_MAX),
            retry_on_error=[redis.ConnectionError, redis.TimeoutError],
        )
    except ValueError as error:
        raise RedisUrlInvalid(f"expected redis://, rediss:// or unix://, found {_without_password(url)!r}") from error


def sent_once(client: redis.Redis) -> redis.Redis:
    """The same server over connections of its own that repeat nothing: what may have been done is not done again."""
    pool = client.connection_pool
    once = {"retry": Retry(NoBackoff(), 0), "retry_on_error": []}
    return redis.Redis(
        connection_pool=redis.ConnectionPool(
            connection_class=pool.connection_class, **{**pool.connection_kwargs, **once}
        )
    )


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
