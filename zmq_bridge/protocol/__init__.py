"""The wire between terminal, bridge and strategy, as pure values and state machines.

Nothing here opens a socket, reads a clock or touches a file: bytes and times come in as arguments, values go out.
Both sides of every connection, the simulated terminal, and the tests use these same modules, so there is one wire.

    limits      every bound and time constant of the wire
    errors      whose fault it was: the peer's (ProtocolViolation) or ours (ProtocolMisuse)
    ids         ULIDs for commands, signals and decisions
    codec       MessagePack subset and the PUB frame
    topics      names of streams
    ticks       the hot path: batches of ticks
    messages    every other message, and decode_* / encode for them
"""
