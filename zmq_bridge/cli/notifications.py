"""`zmq-bridge notifications`: where messages go, who hears of what, and whether they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import time as ClockTime
from typing import TypeVar

import click
from rich.table import Table

from zmq_bridge.cli.console import show
from zmq_bridge.cli.errors import CannotRun, CannotRunNow
from zmq_bridge.cli.transaction import actor, transaction
from zmq_bridge.settings import load_settings, with_secrets
from zmq_bridge.storage.accounts import find_accounts
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.notifications import deliveries, destinations, rules
from zmq_bridge.storage.notifications.destinations import DestinationError, QuietHours
from zmq_bridge.storage.notifications.events import Event, Severity
from zmq_bridge.storage.notifications.rules import RuleError
from zmq_bridge.storage.notifications.sealing import Seal

Answer = TypeVar("Answer")

TEST_WAIT_S = 30.0
TEST_LOOK_S = 0.2


@click.group("notifications")
def command() -> None:
    """Say where messages go and who hears of what; try whether they arrive."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
def list_all(limit: int) -> None:
    """Show the last notifications and what became of each."""
    with transaction("notifications") as connection:
        found = deliveries.list_notifications(connection, Filter(limit=limit))[:limit]
    table = Table("id", "at (UTC)", "event", "severity", "account", "title", "sent to")
    for each in found:
        sent = ", ".join(_delivery(delivery) for delivery in each["deliveries"]) or "nobody: no rule fits"
        account = str(each["account"] or "")
        table.add_row(str(each["id"]), f"{each['created_at']:%m-%d %H:%M:%S}", each["event"], each["severity"],
                      account, each["title"], sent)  # fmt: skip
    show(table if found else "nothing has happened yet that people are told of")


@command.command("events")
def events() -> None:
    """Show what people can be told of."""
    table = Table("event", "severity", "meaning")
    for event in Event:
        table.add_row(str(event), str(event.severity), event.meaning)
    show(table)


@command.command("destinations")
def list_destinations() -> None:
    """Show where messages can go; never an address."""
    with transaction("notifications") as connection:
        found = [destinations.public(each) for each in destinations.list_destinations(connection)]
    table = Table("name", "address", "state", "quiet hours")
    for each in found:
        quiet = f"{each['quiet_from']} to {each['quiet_to']} {each['quiet_zone']}" if each["quiet_from"] else ""
        table.add_row(each["name"], each["address"], "on" if each["enabled"] else "off", quiet)
    show(table if found else "no destination yet; `zmq-bridge notifications add NAME` makes one")


@command.command("add")
@click.argument("name")
@click.option("--variable", help="Environment variable NOTIFY_URL_... that holds the address where the sender runs.")
@click.option("--quiet", metavar="22:00-07:00", help="Only critical messages in these hours.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the quiet hours.")
def add(name: str, variable: str | None, quiet: str | None, zone: str) -> None:
    """Add the destination NAME. Its address (an apprise URL) is asked for, and stored sealed.

    It is not taken from the command line, which other users can see.
    """
    from zmq_bridge.notify import courier

    sealed = None
    if variable is None:
        url = destinations.checked_url(click.prompt("Address (apprise URL, not shown)", hide_input=True).strip())
        try:
            courier.check_address(url)
        except courier.NotTaken as error:
            raise CannotRun(str(error)) from None
        sealed = Seal(with_secrets(load_settings()).secret_key).seal(url)
    hours = _quiet(quiet, zone)
    with transaction("notifications") as connection:
        _asked(lambda: destinations.add_destination(
            connection, name, sealed=sealed, variable=variable, quiet=hours, actor=actor()
        ))  # fmt: skip
    click.echo(f"added {name}; `zmq-bridge notifications test {name}` tries it, `rule {name}` says what it hears of")


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Forget the destination NAME, its rules, and what waits for it."""
    with transaction("notifications") as connection:
        if not destinations.remove_destination(connection, name, actor=actor()):
            raise _unknown(name)
    click.echo(f"removed {name}")


@command.command("rules")
def list_rules() -> None:
    """Show who hears of what."""
    with transaction("notifications") as connection:
        found = rules.list_rules(connection)
    table = Table("id", "event", "from severity", "account", "destination", "digest")
    for rule in found:
        digest = f"every {rule.digest_minutes} min" if rule.digest_minutes else "at once"
        table.add_row(str(rule.id), rule.event, rule.severity_min, str(rule.account or "all"), rule.destination, digest)
    show(
        table if found else "no rule yet, so nobody is told; `zmq-bridge notifications rule NAME` makes one"
    )


@command.command("rule")
@click.argument("destination")
@click.option("--event", default=rules.ANY, help="What it hears of; default: everything.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.INFO.value,
    help="At least this.",
)
@click.option("--account", type=int, help="Login; default: all.")
@click.option("--digest", "digest_minutes", type=int, default=0, metavar="MINUTES", help="Gather, and send so often.")
def add_rule(destination: str, event: str, severity: str, account: int | None, digest_minutes: int) -> None:
    """Let DESTINATION hear of an event."""
    with transaction("notifications") as connection:
        found = find_accounts(connection, account) if account is not None else []
        if account is not None and len(found) != 1:
            raise CannotRun(f"--account: expected the login of one account, found {len(found)} with {account}")
        made = _asked(lambda: rules.add_rule(
            connection, destination=destination, event=event, severity_min=severity,
            account_id=found[0].id if found else None, digest_minutes=digest_minutes, actor=actor(),
        ))  # fmt: skip
    click.echo(f"rule {made.id}: {destination} hears of {event} from {severity}")


@command.command("remove-rule")
@click.argument("rule_id", type=int, metavar="ID")
def remove_rule(rule_id: int) -> None:
    """End the rule with this ID."""
    with transaction("notifications") as connection:
        if not rules.remove_rule(connection, rule_id, actor=actor()):
            raise CannotRun(f"expected the id of a rule, found {rule_id}; `zmq-bridge notifications rules` shows them")
    click.echo(f"ended rule {rule_id}")


@command.command("test")
@click.argument("name")
def test(name: str) -> None:
    """Send a test message to the destination NAME, and wait until it is taken."""
    with transaction("notifications") as connection:
        place = destinations.find_destination(connection, name)
        if place is None:
            raise _unknown(name)
        sent_id = deliveries.send_test(connection, place, actor=actor())
    until = time.monotonic() + TEST_WAIT_S
    while time.monotonic() < until:
        with transaction("notifications") as connection:
            (state,) = deliveries.deliveries_of(connection, sent_id)
        if state["status"] == "sent":
            click.echo(f"{name} took it (message #{sent_id})")
            return
        if state["attempts"] and state["last_error"]:
            raise CannotRunNow(f"{name} did not take it: {state['last_error']}")
        time.sleep(TEST_LOOK_S)
    raise CannotRunNow(f"nobody sent it within {TEST_WAIT_S:.0f} s; `zmq-bridge notify` must run, as `up` does")


def _delivery(delivery: dict[str, object]) -> str:
    error = f": {delivery['last_error']}" if delivery["last_error"] else ""
    return f"{delivery['destination']} {delivery['status']}{error}"


def _quiet(text: str | None, zone: str) -> QuietHours | None:
    if text is None:
        return None
    try:
        begins, ends = (ClockTime.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        raise CannotRun(f"--quiet: expected hours like 22:00-07:00, found {text!r}") from None
    return QuietHours(begins=begins, ends=ends, zone=zone)


def _unknown(name: str) -> CannotRun:
    return CannotRun(f"expected a destination, found {name!r}; `zmq-bridge notifications destinations` shows them")


def _asked(change: Callable[[], Answer]) -> Answer:
    try:
        return change()
    except (DestinationError, RuleError) as error:
        raise CannotRun(str(error)) from None
