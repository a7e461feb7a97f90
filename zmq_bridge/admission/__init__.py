"""The one gate that every order passes, wherever it came from: HTTP, ZeroMQ, CLI.

`schema` turns a request into a `Signal`, or says what is wrong with it. `gate` admits it or denies it, in one
transaction, and writes the command that a terminal will execute. Nothing else in the program makes an order.
Closed when in doubt: what can't be read, judged or stored is not admitted.
"""
