"""Codes and amounts as people read them. Pure; what is not known is written as it is, never left out."""

from __future__ import annotations

from decimal import Decimal

PLACES_MIN = 2
"""Decimals of an amount whose currency nobody named; more where the amount has more."""

COMMANDS = {
    "place_order": "The order",
    "modify_position": "The change of a position",
    "close_position": "The closing of a position",
    "close_by": "The closing of two opposite positions",
    "modify_order": "The change of a pending order",
    "cancel_order": "The cancelling of a pending order",
    "close_all": "The closing of all positions",
}
RETCODES = {
    "REQUOTE": "the price had moved (requote)",
    "REJECT": "the broker rejected it",
    "CANCEL": "it was cancelled by the trader",
    "ERROR": "the broker could not process it",
    "TIMEOUT": "its time ran out at the broker",
    "INVALID": "the broker found the request invalid",
    "INVALID_VOLUME": "the broker does not take this volume",
    "INVALID_PRICE": "the broker does not take this price",
    "INVALID_STOPS": "stop loss or take profit are too near or on the wrong side",
    "TRADE_DISABLED": "trading is disabled for the account",
    "MARKET_CLOSED": "the market is closed",
    "NO_MONEY": "there is not enough money",
    "PRICE_CHANGED": "the price had changed",
    "PRICE_OFF": "there are no quotes",
    "TOO_MANY_REQUESTS": "the broker got too many requests",
    "SERVER_DISABLES_AT": "the broker does not allow automatic trading",
    "CLIENT_DISABLES_AT": "automatic trading is switched off in the terminal",
    "FROZEN": "the order or position is frozen",
    "INVALID_FILL": "the broker does not fill orders in this way",
    "CONNECTION": "the terminal has no connection to the broker",
    "LIMIT_ORDERS": "there are as many pending orders as the broker allows",
    "LIMIT_VOLUME": "there is as much volume in the symbol as the broker allows",
    "LIMIT_POSITIONS": "there are as many positions as the broker allows",
    "POSITION_CLOSED": "the position is closed already",
}
ENTRIES = {"in": "opened", "out": "closed", "inout": "turned round", "out_by": "closed by an opposite one"}
HOLDS = {"halted": "trading is halted", "reducing": "positions may only be reduced", "active": "a warning"}


def words(code: str) -> str:
    """A code as words: `KILL_SWITCH` is "Kill switch"."""
    text = code.replace("_", " ").strip().lower()
    return text[:1].upper() + text[1:]


def amount(value: Decimal, digits: int | None = None) -> str:
    """An amount with its currency's digits, and with more where it has more: nothing is rounded away."""
    shown = value.quantize(Decimal(1).scaleb(-(PLACES_MIN if digits is None else digits)))
    return f"{shown:f}" if shown == value else f"{value.normalize():f}"


def retcode(name: str) -> str:
    """Why the broker did not do it, with the code for whoever looks it up."""
    said = RETCODES.get(name.removeprefix("TRADE_RETCODE_"))
    return f"{said} ({name})" if said else name


def command(kind: str, symbol: str | None) -> str:
    """What was asked for: the order in EURUSD."""
    return f"{COMMANDS.get(kind, words(kind))}{f' in {symbol}' if symbol else ''}"


def entry(code: str) -> str:
    """What a deal did to its position."""
    return ENTRIES.get(code, words(code).lower())


def gain(value: Decimal) -> str:
    """What a deal brought."""
    return f"{'loss' if value < 0 else 'profit'} {amount(abs(value))}"


def hold(cause: str, state: str, reason: str) -> str:
    """What holds an account, and what it may still do."""
    return f"{words(cause)}: {HOLDS.get(state, state)}. {reason}"
