"""A signal generator with nothing but the standard library: ask for the price, send one signal over HTTP.

    ZMQ_BRIDGE_API_KEY=... python examples/http_signal.py EURUSD BUY

A lost answer is asked for again with the same Idempotency-Key, so the order is never doubled. A denied signal is an
answer too: it has a code that a program can act on.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

URL = os.environ.get("ZMQ_BRIDGE_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("ZMQ_BRIDGE_API_KEY", "")
TRIES = 6
TIMEOUT_S = 5.0
PAUSE_FIRST_S = 0.2
RISK_PERCENT = 0.5  # of the account, lost if the stop is hit
STOP_FRACTION = 0.003
TARGET_FRACTION = 0.006
ASK_AGAIN = (429, 503)


def call(method: str, path: str, body: object = None, idempotency_key: str = "") -> tuple[int, Any]:
    """Make one request; give the status and the decoded body."""
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def make_signal(symbol: str, action: str) -> dict[str, Any]:
    """Put stop and target on the right sides of the price."""
    status, answer = call("GET", f"/api/market/prices?symbols={symbol}")
    if status != 200 or not answer["prices"]:
        sys.exit(f"no price of {symbol}: {status} {answer}")
    (price,) = answer["prices"]
    digits = len(str(price["bid"]).partition(".")[2])
    entry, way = (float(price["ask"]), 1) if action == "BUY" else (float(price["bid"]), -1)
    return {
        "account": answer["account"],
        "symbol": symbol,
        "action": action,
        "risk_percent": RISK_PERCENT,
        "sl": round(entry * (1 - way * STOP_FRACTION), digits),
        "tp": round(entry * (1 + way * TARGET_FRACTION), digits),
        "reason": ["example"],
    }


def submit(signal: dict[str, Any]) -> tuple[int, Any]:
    """Send the signal until there is an answer; the key makes every repetition the same order."""
    key = str(uuid.uuid4())
    for attempt in range(TRIES):
        try:
            status, answer = call("POST", "/api/signal", signal, key)
            if status not in ASK_AGAIN:
                return status, answer
        except (OSError, ValueError) as error:
            print(f"no answer, asking again: {error}", file=sys.stderr)
        time.sleep(PAUSE_FIRST_S * 2**attempt)
    sys.exit(f"no answer to signal {key}: its outcome is unknown")


if __name__ == "__main__":
    wanted = dict(enumerate(sys.argv))
    found = submit(make_signal(wanted.get(1, "EURUSD"), wanted.get(2, "BUY")))
    print(found[0], json.dumps(found[1]))
