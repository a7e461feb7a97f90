"""Telling people: what happened, whom it concerns, and what became of each message.

`tell.notify` is the only way in: one INSERT in the transaction of what happened, so that nothing is told that was
rolled back and nothing that committed is forgotten. `destinations` and `rules` say who hears of what; `deliveries` is
the outbox that the sender (`zmq_bridge.notify`) works off.
"""
