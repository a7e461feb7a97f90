"""What can go wrong with an embedded server. Each message says what was expected, what was found, and what to do."""


class EmbeddedError(Exception):
    """Base of everything this package raises."""


class ServerUnavailable(EmbeddedError):
    """The program is not installed for this platform."""


class ServerRefused(EmbeddedError):
    """A start is impossible as things are; nothing was started."""


class ServerFailed(EmbeddedError):
    """The server was started and ended by itself, or was not ready in time."""
