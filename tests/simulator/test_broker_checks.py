"""What the broker declines, by MT5's retcode; and that a declined request changes nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from tests.simulator.world import MONDAY_MSC, Desk, free_of_costs
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderType
from zmq_bridge.simulator.broker.model import TradeResult
from zmq_bridge.simulator.broker.retcodes import Retcode, retcode_name
from zmq_bridge.simulator.broker.rollover import DAY_MS


def desk_with(**changes: Any) -> Desk:
    """EURUSD at 1.10000 / 1.10010 with a changed specification."""
    desk = Desk(symbols=free_of_costs("EURUSD", **changes))
    desk.quote("EURUSD", "1.10000", "1.10010")
    return desk


def refused(desk: Desk, result: TradeResult, retcode: Retcode, *before: Any) -> None:
    assert retcode_name(result.retcode) == retcode.name, result.message
    assert result.message
    assert not result.order
    assert not result.deals


@pytest.mark.parametrize("volume", ["0", "0.001", "0.005", "0.015", "100.01", "-0.10"])
def test_volume_outside_limits_or_steps(volume: str) -> None:
    desk = desk_with()
    before = desk.broker.books()
    refused(desk, desk.market("buy", volume), Retcode.INVALID_VOLUME)
    refused(desk, desk.pending("buy_limit", volume, "1.09"), Retcode.INVALID_VOLUME)
    assert desk.broker.books() == before


@pytest.mark.parametrize(
    ("side", "sl", "tp"),
    [
        ("buy", "1.10000", "0"),  # at the closing price
        ("buy", "1.10005", "0"),  # between bid and ask
        ("buy", "1.09991", "0"),  # nearer than 10 points
        ("buy", "0", "1.10009"),
        ("buy", "0", "1.09000"),
        ("sell", "1.10010", "0"),
        ("sell", "1.10019", "0"),
        ("sell", "0", "1.10001"),
        ("buy", "-1", "0"),
    ],
)
def test_stops_on_the_wrong_side_or_too_near(side: str, sl: str, tp: str) -> None:
    refused(desk := desk_with(stops_level=10), desk.market(side, "0.10", sl=sl, tp=tp), Retcode.INVALID_STOPS)


@pytest.mark.parametrize(
    ("side", "sl", "tp"), [("buy", "1.09990", "1.10010"), ("sell", "1.10020", "1.10000")]
)
def test_stops_exactly_at_the_stops_level_are_taken(side: str, sl: str, tp: str) -> None:
    assert desk_with(stops_level=10).market(side, "0.10", sl=sl, tp=tp).retcode == Retcode.DONE


@pytest.mark.parametrize(
    ("kind", "price", "stoplimit"),
    [
        ("buy_limit", "1.10010", "0"),
        ("buy_limit", "1.10001", "0"),  # 9 points below the ask
        ("buy_limit", "1.20000", "0"),
        ("sell_limit", "1.10009", "0"),
        ("buy_stop", "1.10019", "0"),
        ("sell_stop", "1.09991", "0"),
        ("buy_limit", "0", "0"),
        ("buy_stop_limit", "1.10100", "1.10101"),
        ("buy_stop_limit", "1.10100", "0"),
        ("sell_stop_limit", "1.09900", "1.09899"),
    ],
)
def test_pending_prices_on_the_wrong_side_or_too_near(kind: str, price: str, stoplimit: str) -> None:
    desk = desk_with(stops_level=10)
    refused(desk, desk.pending(kind, "0.10", price, stoplimit=stoplimit), Retcode.INVALID_PRICE)


def test_stops_of_a_pending_order_are_measured_from_its_own_price() -> None:
    desk = desk_with(stops_level=10)
    refused(desk, desk.pending("buy_limit", "0.10", "1.05", sl="1.06"), Retcode.INVALID_STOPS)
    assert desk.pending("buy_limit", "0.10", "1.05", sl="1.04", tp="1.0501").retcode == Retcode.DONE
    refused(desk, desk.pending("buy_stop_limit", "0.10", "1.12", stoplimit="1.11", sl="1.115"), Retcode.INVALID_STOPS)


@pytest.mark.parametrize(
    ("changes", "side", "retcode"),
    [
        ({"trade_mode": "disabled"}, "buy", Retcode.TRADE_DISABLED),
        ({"trade_mode": "close_only"}, "buy", Retcode.CLOSE_ONLY),
        ({"trade_mode": "long_only"}, "sell", Retcode.LONG_ONLY),
        ({"trade_mode": "short_only"}, "buy", Retcode.SHORT_ONLY),
        ({"sessions": ()}, "buy", Retcode.MARKET_CLOSED),
        ({"sessions": ((1, 0, 43_200),)}, "buy", Retcode.MARKET_CLOSED),  # Monday until noon
        ({"filling_modes": ("ioc",)}, "buy", Retcode.INVALID_FILL),
        ({"volume_limit": D("0.05")}, "buy", Retcode.LIMIT_VOLUME),
        ({"currency_profit": "XXX"}, "buy", Retcode.PRICE_OFF),  # no rate to account currency
        ({"currency_margin": "XXX"}, "buy", Retcode.PRICE_OFF),
    ],
)
def test_the_specification_forbids(changes: dict[str, Any], side: str, retcode: Retcode) -> None:
    refused(desk := desk_with(**changes), desk.market(side, "0.10"), retcode)


def test_closing_is_allowed_where_opening_is_not() -> None:
    desk = desk_with()
    ticket = desk.market("buy", "0.10").order
    spec = desk.broker.core.spec("EURUSD")
    for mode in ("close_only", "short_only", "long_only"):
        desk.broker.list_symbol(replace(spec, trade_mode=mode))
        assert desk.close(ticket, "0.01").retcode == Retcode.DONE
    desk.broker.list_symbol(replace(spec, trade_mode="disabled"))
    refused(desk, desk.close(ticket, "0.01"), Retcode.TRADE_DISABLED)


def test_an_account_that_may_not_trade() -> None:
    desk = desk_with()
    desk.broker.core.trade_allowed = False
    refused(desk, desk.market("buy", "0.10"), Retcode.TRADE_DISABLED)


def test_filling_return_is_forbidden_by_market_execution_and_taken_by_an_exchange() -> None:
    refused(desk := desk_with(), desk.market("buy", "0.10", filling=Filling.RETURN), Retcode.INVALID_FILL)
    exchange = desk_with(execution_mode="exchange")
    assert exchange.market("buy", "0.10", filling=Filling.RETURN).retcode == Retcode.DONE


def test_instant_execution_holds_to_price_and_deviation() -> None:
    desk = desk_with(execution_mode="instant")
    refused(desk, desk.market("buy", "0.10"), Retcode.INVALID_PRICE)
    refused(desk, desk.market("buy", "0.10", price="1.10004", deviation=5), Retcode.REQUOTE)
    assert desk.market("buy", "0.10", price="1.10005", deviation=5).price == D("1.1001")


def test_money_is_needed_for_the_margin_to_the_cent() -> None:
    desk = Desk(symbols=free_of_costs("EURUSD"), deposit=D("1100.10"))
    desk.quote("EURUSD", "1.10010", "1.10010")
    refused(desk, desk.market("buy", "1.01"), Retcode.NO_MONEY)
    assert desk.market("buy", "1.00").retcode == Retcode.DONE
    refused(desk, desk.market("buy", "0.01"), Retcode.NO_MONEY)
    assert desk.market("sell", "1.00").retcode == Retcode.DONE  # the free leg of a hedge


def test_limits_on_resting_orders() -> None:
    desk = Desk(symbols=free_of_costs("EURUSD"), limit_orders=2)
    desk.quote("EURUSD", "1.10000", "1.10010")
    for _ in range(2):
        assert desk.pending("buy_limit", "0.10", "1.09").retcode == Retcode.DONE
    refused(desk, desk.pending("buy_limit", "0.10", "1.09"), Retcode.LIMIT_ORDERS)


def test_the_volume_limit_counts_positions_and_resting_orders_of_one_direction() -> None:
    desk = desk_with(volume_limit=D("0.30"))
    desk.market("buy", "0.10")
    desk.pending("buy_stop", "0.10", "1.11")
    refused(desk, desk.market("buy", "0.11"), Retcode.LIMIT_VOLUME)
    assert desk.market("sell", "0.30").retcode == Retcode.DONE
    assert desk.market("buy", "0.10").retcode == Retcode.DONE


def test_an_expiration_in_the_past() -> None:
    desk = desk_with()
    refused(desk, desk.pending("buy_limit", "0.10", "1.09", expiration_msc=desk.now_msc), Retcode.INVALID_EXPIRATION)


def test_closing_what_is_not_there_or_too_much_of_it() -> None:
    desk = desk_with()
    ticket = desk.market("buy", "0.10").order
    refused(desk, desk.close(ticket, "0.11"), Retcode.INVALID_CLOSE_VOLUME)
    refused(desk, desk.close(ticket, "0.005"), Retcode.INVALID_CLOSE_VOLUME)
    refused(desk, desk.market("buy", "0.10", position=ticket), Retcode.INVALID)
    refused(desk, desk.market("sell", "0.10", position=ticket + 1), Retcode.POSITION_CLOSED)


def test_close_by_needs_two_opposite_positions() -> None:
    desk = desk_with()
    a, b = desk.market("buy", "0.10").order, desk.market("buy", "0.10").order
    refused(desk, desk.send(Action.CLOSE_BY, position=a, position_by=b), Retcode.INVALID)
    refused(desk, desk.send(Action.CLOSE_BY, position=a, position_by=99), Retcode.POSITION_CLOSED)


def test_changes_that_change_nothing_and_things_that_are_not_there() -> None:
    desk = desk_with()
    ticket = desk.market("buy", "0.10", sl="1.09").order
    refused(desk, desk.send(Action.SLTP, position=ticket, sl="1.09"), Retcode.NO_CHANGES)
    refused(desk, desk.send(Action.SLTP, position=99, sl="1.09"), Retcode.POSITION_CLOSED)
    refused(desk, desk.send(Action.MODIFY, order=99, price="1.09"), Retcode.INVALID)
    refused(desk, desk.send(Action.REMOVE, order=99), Retcode.INVALID)
    order = desk.pending("buy_limit", "0.10", "1.09").order
    refused(desk, desk.send(Action.MODIFY, order=order, price="1.09"), Retcode.NO_CHANGES)
    refused(desk, desk.send(Action.MODIFY, order=order, price="1.11"), Retcode.INVALID_PRICE)


def test_the_freeze_level_freezes_stops_and_orders_near_the_market() -> None:
    desk = desk_with(freeze_level=20)
    ticket = desk.market("buy", "0.10", sl="1.09980").order
    order = desk.pending("buy_limit", "0.10", "1.09990").order
    refused(desk, desk.send(Action.SLTP, position=ticket, sl="1.09"), Retcode.FROZEN)
    refused(desk, desk.send(Action.REMOVE, order=order), Retcode.FROZEN)
    refused(desk, desk.send(Action.MODIFY, order=order, price="1.09"), Retcode.FROZEN)
    desk.quote("EURUSD", "1.10001", "1.10011")
    assert desk.send(Action.SLTP, position=ticket, sl="1.09").retcode == Retcode.DONE
    assert desk.send(Action.REMOVE, order=order).retcode == Retcode.DONE


def test_types_that_do_not_fit_the_action() -> None:
    desk = desk_with()
    refused(desk, desk.send(Action.DEAL, OrderType.BUY_LIMIT, volume="0.10"), Retcode.INVALID_ORDER)
    refused(desk, desk.send(Action.PENDING, OrderType.BUY, volume="0.10"), Retcode.INVALID_ORDER)
    refused(desk, desk.send(Action.DEAL, OrderType.BUY, "NOSUCH", "0.10"), Retcode.INVALID)


def test_a_symbol_without_a_quote_is_off() -> None:
    desk = Desk()
    refused(desk, desk.market("buy", "0.10"), Retcode.PRICE_OFF)
    refused(desk, desk.pending("buy_limit", "0.10", "1.09"), Retcode.PRICE_OFF)


def test_netting_reduces_even_when_opening_is_forbidden() -> None:
    desk = Desk(symbols=free_of_costs("EURUSD", volume_limit=D("0.20")), margin_mode="netting")
    desk.quote("EURUSD", "1.10000", "1.10010")
    desk.market("buy", "0.20")
    desk.broker.list_symbol(replace(desk.broker.core.spec("EURUSD"), trade_mode="close_only"))
    refused(desk, desk.market("buy", "0.01"), Retcode.CLOSE_ONLY)
    refused(desk, desk.market("sell", "0.21"), Retcode.CLOSE_ONLY)
    assert desk.market("sell", "0.20").retcode == Retcode.DONE


def test_sessions_are_in_server_time_with_an_open_end() -> None:
    desk = desk_with(sessions=((1, 0, 86_400),))
    assert desk.market("buy", "0.10").retcode == Retcode.DONE
    desk.quote("EURUSD", "1.10000", "1.10010", after_ms=MONDAY_MSC // DAY_MS * DAY_MS + DAY_MS - 1 - desk.now_msc)
    assert desk.market("buy", "0.10").retcode == Retcode.DONE
    desk.quote("EURUSD", "1.10000", "1.10010", after_ms=1)
    refused(desk, desk.market("buy", "0.10"), Retcode.MARKET_CLOSED)


def test_an_unknown_retcode_is_named_by_its_number() -> None:
    assert (retcode_name(10009), retcode_name(12345)) == ("DONE", "RETCODE_12345")
