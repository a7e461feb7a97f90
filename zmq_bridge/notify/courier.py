"""One message to one address, by apprise: Telegram, e-mail, Slack, Discord, a webhook, and the hundred others it knows.

Law: an address is a secret. It is in no log and in no error; what a service says is cleaned of it before it is kept.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import apprise

from zmq_bridge.storage.notifications.deliveries import News
from zmq_bridge.storage.notifications.events import Severity

TYPES = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}
SECRET_CHARS_MIN = 4
"""Shorter parts of an address are no secret, and would blank out half of any message."""
DIGEST_BODY_CHARS_MAX = 6_000

logging.getLogger("apprise").propagate = False  # it may quote addresses; what matters is in `NotTaken`


class NotTaken(Exception):
    """A message was not taken; says why, without the address."""


def check_address(url: str) -> None:
    """Refuse an address that apprise does not know.

    Raises:
        NotTaken: it does not.
    """
    _service(url)


def send(url: str, news: Sequence[News]) -> None:
    """Send one piece of news, or several as a digest, and return once the service took it.

    Raises:
        NotTaken: it did not.
    """
    service = _service(url)
    said = _Said()
    logger = logging.getLogger("apprise")
    logger.addHandler(said)
    try:
        taken = service.notify(
            title=title_of(news), body=body_of(news), notify_type=TYPES[max((each.severity for each in news),
                                                                            key=lambda severity: severity.rank)],
            body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  # whatever a plugin raises, the message was not taken
        raise NotTaken(cleaned(f"{type(error).__name__}: {error}", url)) from None
    finally:
        logger.removeHandler(said)
    if not taken:
        raise NotTaken(cleaned(said.text or "the service did not take it and did not say why", url))


def title_of(news: Sequence[News]) -> str:
    """What a phone shows."""
    if len(news) > 1:
        return f"zmq-bridge: {len(news)} messages"
    account = f" [{news[0].account}]" if news[0].account is not None else ""
    return f"zmq-bridge{account}: {news[0].title}"


def body_of(news: Sequence[News]) -> str:
    """The text. Every piece of news ends in its number, so that one that comes twice is known for it."""
    if len(news) == 1:
        return f"{news[0].body}\n\n{_mark(news[0])}".strip()
    lines = []
    for each in news:
        account = f" [{each.account}]" if each.account is not None else ""
        lines.append(f"- {each.created_at:%H:%M} UTC{account} {each.title} ({_mark(each)})")
    text = "\n".join(lines)
    return text if len(text) <= DIGEST_BODY_CHARS_MAX else text[:DIGEST_BODY_CHARS_MAX] + "\n- ..."


def cleaned(text: str, url: str) -> str:
    """What a service said, in one line, without any part of the address."""
    line = " ".join(text.split())
    for secret in sorted(_secrets(url), key=len, reverse=True):
        line = line.replace(secret, "***")
    return line


def _mark(news: News) -> str:
    return f"{news.event} #{news.id}, {news.created_at:%Y-%m-%d %H:%M:%S} UTC"


def _secrets(url: str) -> set[str]:
    parts = urlsplit(url)
    words = {url, parts.netloc, parts.username or "", parts.password or "", *parts.path.split("/")}
    words |= {value for pair in parts.query.split("&") for value in pair.split("=")[1:]}
    words |= {unquote(word) for word in words}
    return {word for word in words if len(word) >= SECRET_CHARS_MIN}


def _service(url: str) -> apprise.NotifyBase:
    try:
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    except Exception as error:  # noqa: BLE001  # a plugin that can't parse its own address
        raise NotTaken(cleaned(f"{type(error).__name__}: {error}", url)) from None
    if not isinstance(service, apprise.NotifyBase):
        raise NotTaken("expected an address that apprise knows, found another; see docs/notifications.md")
    return service


class _Said(logging.Handler):
    """What apprise logs while it sends: the only place where it says why it failed."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said in this thread; others send too."""
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    @property
    def text(self) -> str:
        """The last of it."""
        return "; ".join(self._lines[-3:])
