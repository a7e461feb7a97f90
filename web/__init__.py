"""Everything people reach over HTTP: a Flask application that keeps no state of its own.

    app.py       the factory        auth.py    who asks, and what they may do
    errors.py    one form of error  parts.py   what a request handler reaches: database, live state, admission
    api/         one blueprint a noun; it parses, asks, answers, and decides nothing about money
    pages/       the pages of the dashboard

Web may import risk, ledger, storage, live and admission; never sockets or relay: it writes Postgres, the desk hears it.
"""

from web.app import create_app

__all__ = ["create_app"]
