"""Sending what people are told: a process of its own, so that a slow mail server delays no order and no booking.

    planning   who hears of it, and when: pure
    courier    one message to one address, by apprise
    sender     the loop: route, claim, send, mark

`zmq_bridge.storage.notifications` holds the outbox; here is nothing that must survive.
"""
