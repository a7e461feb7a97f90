"""The checks behind `zmq-bridge doctor`: each looks at one link and says what it found and how to mend it.

A check never changes anything and never raises for what it is meant to find: that is a `Finding`.

    machine -> servers (Postgres, Redis) -> parts (proxy, recorder, desk, web, stream)
    -> accounts (terminals, data, trading)
"""
