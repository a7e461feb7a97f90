"""Every bound and time constant of the wire, in one place, each with its unit in its name.

docs/wire.md prints these numbers and a test compares the two. A peer may be stricter in what it sends, never laxer.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
VERSIONS: Final = (1,)  # spoken by this program, best last

U64_MAX: Final = 2**64 - 1
I64_MIN: Final = -(2**63)
I64_MAX: Final = 2**63 - 1
I32_MAX: Final = 2**31 - 1
MS_MAX: Final = 253_402_300_799_999  # the last millisecond of the year 9999
OFFSET_S_MAX: Final = 86_400  # no trade server's clock is a day off
DIGITS_MAX: Final = 16  # decimal places; a double has no more

# Sizes
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024  # one frame on any socket; ZMQ_MAXMSGSIZE is set to it
TOPIC_BYTES_MAX: Final = 128
SYMBOL_BYTES_MAX: Final = 64  # MT5 allows 31 characters; UTF-8 may need more bytes
TEXT_BYTES_MAX: Final = 4096  # any string without a narrower bound
COMMENT_CHARS_MAX: Final = 31  # MT5 cuts a comment after 31 characters
ID_CHARS: Final = 26
DEPTH_MAX: Final = 16  # nested arrays and maps, the outermost counts as 1
MAP_KEYS_MAX: Final = 1024
ARRAY_ITEMS_MAX: Final = 100_000
TICKS_PER_FRAME_MAX: Final = 1000
TICKS_PER_HISTORY_MAX: Final = 5000
EVENTS_PER_PULL_MAX: Final = 64
COMMANDS_PER_WORK_MAX: Final = 64
ACKS_PER_WORK_MAX: Final = 1024
SYMBOLS_PER_MESSAGE_MAX: Final = 500

# Times
BEAT_MS: Final = 500  # heartbeat period of both sides
LIVENESS_MS: Final = 3000  # silence after which a peer counts as disconnected
WAIT_MS_MAX: Final = 1000  # longest long poll a bridge holds
REPLY_GRACE_MS: Final = 1500  # a reply later than wait_ms plus this is taken as lost; below LIVENESS_MS in sum
SNAPSHOT_MS: Final = 1000  # a snapshot at least this often
SPECS_MS_MAX: Final = 900_000  # every specification is told again within this, changed or not
BACKOFF_FIRST_MS: Final = 100  # before the second hello
BACKOFF_MAX_MS: Final = 5000  # doubling stops here
COMMAND_RESEND_MS: Final = 1000  # a command without any result is handed out again after this, never before

# Memory of either side
JOURNAL_EVENTS_MAX: Final = 100_000  # unacknowledged events a terminal keeps before it refuses new commands
JOURNAL_COMMANDS_MAX: Final = 10_000  # commands a terminal remembers; only finished and expired ones are forgotten
