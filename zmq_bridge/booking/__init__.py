"""What a terminal says becomes rows, once, whichever way it came: over ZeroMQ to the desk, or over HTTP to the web.

    entering    who speaks for an account, what it trades, and its present
    commands    a row of the outbox as a command of the wire
    events      deals, results and orders, each once
    following   what follows from a snapshot: the ledger's comparison, risk's memory, the watch
    watch       what an account may do, judged between signals
    exposure    open risk against the limits, while nobody trades

Booking may import risk, ledger, protocol, storage, live and admission; relay and web may import booking.
"""
