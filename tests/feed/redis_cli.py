"""redis-cli as a person sees it: run a command line through redis-py and print the reply in redis-cli's own form.

The real redis-cli is not everywhere; this prints what it prints (numbered replies, quoted strings, nested arrays), and
where the real one is installed a test compares the two.
"""

from __future__ import annotations

import shlex

import redis


def session(client: redis.Redis, command_line: str) -> str:
    """Run one line and return what redis-cli would print."""
    client.response_callbacks.clear()  # raw replies, as redis-cli gets them
    return show(client.execute_command(*shlex.split(command_line)))


def show(reply: object, indent: str = "") -> str:
    """Print a reply as redis-cli does on a terminal."""
    if reply is None:
        return "(nil)"
    if isinstance(reply, int):
        return f"(integer) {reply}"
    if isinstance(reply, bytes):
        return quoted(reply)
    if isinstance(reply, dict):
        reply = [part for pair in reply.items() for part in pair]
    assert isinstance(reply, list), reply
    return _numbered(reply, indent) if reply else "(empty array)"


def _numbered(items: list[object], indent: str) -> str:
    width = len(str(len(items)))
    lines: list[str] = []
    for number, item in enumerate(items, start=1):
        label = f"{number:>{width}}) "
        text = show(item, indent + " " * len(label))
        lines.append((indent if lines else "") + label + text)
    return "\n".join(lines)


def quoted(value: bytes) -> str:
    """A string as redis-cli quotes it."""
    named = {ord('"'): '\\"', ord("\\"): "\\\\", 10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b"}
    return '"' + "".join(named.get(c) or (chr(c) if 32 <= c < 127 else f"\\x{c:02x}") for c in value) + '"'
