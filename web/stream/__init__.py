"""The live stream: prices, positions, signals and risk as they change, over WebSocket and Server-Sent Events.

A process of its own (asyncio), because a thread for each of some hundred clients would be the end of a gunicorn worker.
What is known flows one way:

    Redis channels, Postgres NOTIFY -> `sources` -> `updates` -> `hub` -> `client` (one a session) -> `faces`

`words`, `requests`, `permits`, `updates`, `client` and `hub` are pure: no I/O and no clock, time is a parameter.
docs/stream.md is the protocol.
"""
