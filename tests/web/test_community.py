"""The community's addresses against the real ledger: invest, deposit, profit, withdraw, settle; who may see what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests.ledger.conftest import LOGIN, Broker
from tests.ledger.stories import assert_sound
from tests.web.conftest import Caller, Reply
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keys import create_key
from zmq_bridge.storage.ledger.posting import post_deal
from zmq_bridge.storage.trading.events import insert_event

JPY_LOGIN = 7001


@dataclass
class Community:
    """A pool with its broker, and whoever calls the API."""

    app: Flask
    engine: Engine
    broker: Broker
    admin: Caller

    def caller(self, *scopes: str, **more: Any) -> Caller:
        """A client with a new key."""
        with self.engine.begin() as connection:
            key = create_key(connection, name="test", scopes=scopes, now=datetime.now(UTC), actor="test", **more)
        return Caller(self.app.test_client(), key.text)

    def file(self, path: str, **query: Any) -> TestResponse:
        """An answer that may be no text, to the admin."""
        headers = {"X-API-Key": self.admin.key or ""}
        return self.app.test_client().get(path, query_string=query, headers=headers)

    def joins(self, name: str) -> int:
        """Make a member."""
        made = self.admin.post("/api/users", {"name": name, "email": f"{name.lower()}@example.org"})
        assert made.status_code == 201, made.text
        return int(made.json["id"])

    def pays_in(self, user: int, amount: str) -> Reply:
        """Invest, and send the money with the reference."""
        asked = self.admin.post(f"/api/users/{user}/invest", {"amount": amount})
        assert asked.status_code == 202, asked.text
        self.broker.does("balance", amount, comment=asked.json["reference"])
        return self.admin.get(f"/api/requests/invest/{asked.json['id']}")

    def earns(self, amount: str) -> None:
        """The account makes a profit, and ledger and broker agree on it."""
        self.broker.does("sell", amount, entry="out")
        self.broker.agrees()

    def first_deal_was(self, profit: str) -> None:
        """The broker tells its first deal again, with another profit."""
        broker, old = self.broker, self.broker.books[1]
        now = replace(old, profit=Decimal(profit))
        broker.balance += now.profit - old.profit
        broker.seq += 1
        with self.engine.begin() as connection:
            insert_event(connection, broker.account_id, broker.session, broker.seq, kind="deal", data=asdict(now))
            post_deal(connection, broker.account_id, now)

    def value(self, user: int) -> str:
        """What a member's part is worth."""
        return str(self.admin.get(f"/api/users/{user}/stats").json["share"]["value"])


@pytest.fixture
def community(app: Flask, database: str) -> Iterator[Community]:
    """An empty pool in dollars that agrees with its broker, and an admin."""
    engine = create_engine(database, application_name="test community")
    with engine.begin() as connection:
        account_id = ensure_account(
            connection, login=LOGIN, server="Test", currency="USD", currency_digits=2, margin_mode="hedging",
            leverage=100,
        ).id  # fmt: skip
    broker = Broker(engine=engine, account_id=account_id)
    broker.agrees()
    community = Community(app=app, engine=engine, broker=broker, admin=Caller(app.test_client(), None))
    community.admin = community.caller("admin")
    yield community
    engine.dispose()


@pytest.fixture
def story(community: Community) -> tuple[Community, int, int]:
    """Ann pays in 1,000; 200 are earned; Bob pays in 1,200; 240 are earned; Ann takes out 320."""
    ann, bob = community.joins("Ann"), community.joins("Bob")
    assert community.pays_in(ann, "1000.00").json["status"] == "settled"
    community.earns("200.00")
    community.pays_in(bob, "1200.00")
    community.earns("240.00")
    asked = community.admin.post(f"/api/users/{ann}/withdraw", {"amount": "320.00"})
    community.broker.does("balance", "-320.00", comment=asked.json["reference"])
    community.broker.agrees()
    return community, ann, bob


def test_money_in_and_out_through_the_api_ends_at_the_members_share_to_the_cent(story: Any) -> None:
    community, ann, bob = story
    assert (community.value(ann), community.value(bob)) == ("1000.00", "1320.00")
    done = community.admin.get("/api/requests", kind="withdraw").json["requests"]
    assert [(each["status"], each["settled_amount"]) for each in done] == [("settled", "320.00")]
    assert_sound(community.broker)


def test_everything_is_priced_first_and_then_withdrawn(story: Any) -> None:
    community, _, bob = story
    asked = community.admin.post(f"/api/users/{bob}/withdraw", {"everything": True}).json
    priced = community.admin.post(f"/api/requests/withdraw/{asked['id']}/price").json
    assert (priced["status"], priced["priced"]["amount"]) == ("owed", "1320.00")
    community.broker.does("balance", "-1320.00", comment=asked["reference"])
    assert community.admin.get(f"/api/requests/withdraw/{asked['id']}").json["status"] == "settled"
    assert community.value(bob) == "0.00"
    again = community.admin.post(f"/api/requests/withdraw/{asked['id']}/price")
    assert (again.status_code, again.json["code"]) == (409, "REQUEST_NOT_PENDING")


def test_a_deposit_that_nobody_explains_waits_and_is_matched_by_hand(community: Community) -> None:
    ann = community.joins("Ann")
    community.broker.does("balance", "500.00", comment="from a bank")
    asked = community.admin.post(f"/api/users/{ann}/invest", {"amount": "499.99"}).json
    (waiting,) = community.admin.get("/api/pool/suspense").json["suspense"]
    assert (waiting["amount"], waiting["request"], community.value(ann)) == ("500.00", None, "0.00")
    matched = community.admin.post(f"/api/requests/invest/{asked['id']}/match", {"ticket": waiting["ticket"]})
    assert (matched.json["status"], matched.json["settled_amount"], community.value(ann)) == (
        "settled", "500.00", "500.00",
    )  # fmt: skip
    again = community.admin.post(f"/api/requests/invest/{asked['id']}/match", {"ticket": waiting["ticket"]})
    assert (again.status_code, again.json["code"]) == (409, "DEAL_NOT_IN_SUSPENSE")


def test_a_deposit_can_be_the_pools_own_and_a_wrong_match_is_taken_back(story: Any) -> None:
    community, ann, bob = story
    community.broker.does("balance", "10.00", comment="a present of the broker")
    ticket = community.admin.get("/api/pool/suspense").json["suspense"][0]["ticket"]
    released = community.admin.post(f"/api/pool/suspense/{ticket}/release", {"reason": "bonus campaign"})
    assert released.json["cause"] == f"release:{ticket}"
    assert Decimal(community.value(ann)) + Decimal(community.value(bob)) == Decimal("2330.00")
    wrong = community.pays_in(bob, "70.00").json
    lines = community.admin.get(f"/api/users/{bob}/statement").json["movements"]
    line = next(each for each in lines if each["cause"].endswith(wrong["id"]))
    undone = community.admin.post(f"/api/pool/transactions/{line['transaction_id']}/reverse", {"reason": "not Bob's"})
    assert undone.json["reverses"] == line["cause"]
    assert community.admin.get("/api/pool/suspense").json["suspense"][0]["amount"] == "70.00"
    assert_sound(community.broker)


def test_a_request_is_taken_back_while_no_money_has_moved(community: Community) -> None:
    ann = community.joins("Ann")
    member = community.caller("member", user_id=ann)
    asked = member.post(f"/api/users/{ann}/invest", {"amount": "5.00"}).json
    assert member.post(f"/api/requests/invest/{asked['id']}/cancel").json["status"] == "cancelled"
    again = member.post(f"/api/requests/invest/{asked['id']}/cancel")
    assert (again.status_code, again.json["code"]) == (409, "REQUEST_NOT_PENDING")


def test_a_matched_request_is_taken_back_by_an_admin_only_and_a_match_can_be_undone(community: Community) -> None:
    ann = community.joins("Ann")
    member = community.caller("member", user_id=ann)
    community.broker.agrees(community.broker.snapshot(balance=Decimal("0.01")))
    asked = community.pays_in(ann, "50.00").json
    assert (asked["status"], asked["refusal"][:6]) == ("matched", "FROZEN")
    assert member.post(f"/api/requests/invest/{asked['id']}/cancel").status_code == 409
    path = f"/api/pool/suspense/{asked['deal_ticket']}/unmatch"
    assert community.admin.post(path, {"reason": "wrong person"}).json["request"] is None
    assert community.admin.get(f"/api/requests/invest/{asked['id']}").json["status"] == "pending"
    assert member.post(f"/api/requests/invest/{asked['id']}/cancel").json["status"] == "cancelled"
    assert community.admin.post(path, {"reason": "again"}).status_code == 409


def test_an_inactive_member_invests_no_more_and_can_still_take_out_what_is_theirs(story: Any) -> None:
    community, ann, _ = story
    open_request = community.admin.post(f"/api/users/{ann}/invest", {"amount": "5.00"}).json["id"]
    gone = community.admin.post(f"/api/users/{ann}/deactivate", {"reason": "moved away"}).json
    assert (gone["status"], gone["cancelled_requests"]) == ("inactive", [open_request])
    refused = community.admin.post(f"/api/users/{ann}/invest", {"amount": "5.00"})
    assert (refused.status_code, refused.json["code"]) == (409, "USER_INACTIVE")
    assert community.admin.post(f"/api/users/{ann}/withdraw", {"amount": "5.00"}).status_code == 202
    assert [user["id"] for user in community.admin.get("/api/users", status="inactive").json["users"]] == [ann]
    assert community.admin.post(f"/api/users/{ann}/activate", {"reason": "back"}).json["status"] == "active"


def test_requests_are_paged_newest_first_and_filtered(community: Community) -> None:
    ann, bob = community.joins("Ann"), community.joins("Bob")
    first = [community.pays_in(user, "100.00").json["id"] for user in (ann, bob)]
    ids = [
        community.admin.post(f"/api/users/{user}/{kind}", {"amount": "5.00"}).json["id"]
        for user, kind in ((ann, "invest"), (bob, "withdraw"), (ann, "withdraw"), (bob, "invest"), (ann, "invest"))
    ]
    seen, cursor = [], None
    while True:
        page = community.admin.get("/api/requests", limit=2, **({"cursor": cursor} if cursor else {})).json
        seen += [each["id"] for each in page["requests"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted([*first, *ids], reverse=True)
    listed = community.admin.get("/api/requests", user=ann, kind="invest", status="pending").json["requests"]
    assert sorted(each["id"] for each in listed) == sorted([ids[0], ids[4]])
    settled = community.admin.get("/api/requests", status="settled").json["requests"]
    assert sorted(each["id"] for each in settled) == sorted(first)
    assert community.admin.get("/api/requests", to="2020-01-01T00:00:00Z").json["requests"] == []


def test_a_members_key_sees_that_member_and_nobody_else(story: Any) -> None:
    community, ann, bob = story
    mine = community.caller("member", user_id=ann)
    assert mine.get("/api/requests", user=bob).status_code == 404
    bobs = community.admin.get("/api/requests", user=bob).json["requests"][0]
    assert {each["user_id"] for each in mine.get("/api/requests").json["requests"]} == {ann}
    assert mine.get(f"/api/users/{ann}/statement").json["value"] == "1000.00"
    assert mine.get(f"/api/users/{ann}/trace/contributed").json["value"] == "1000.00"
    for path in (
        f"/api/users/{bob}", f"/api/users/{bob}/stats", f"/api/users/{bob}/statement",
        f"/api/users/{bob}/trace/units", f"/api/requests/invest/{bobs['id']}",
    ):  # fmt: skip
        assert mine.get(path).status_code == 404, path
    for path in (f"/api/users/{bob}/invest", f"/api/users/{bob}/withdraw", f"/api/requests/invest/{bobs['id']}/cancel"):
        assert mine.post(path, {"amount": "5.00"}).status_code == 404, path
    for path in ("/api/users", "/api/pool/suspense", "/api/pool/trace/balance", "/api/pool/transactions/1"):
        assert mine.get(path).status_code == 403, path
    assert mine.post(f"/api/requests/invest/{bobs['id']}/match", {"ticket": 1}).status_code == 403
    assert mine.post("/api/pool/terms", {}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": "1.001"}, "amount"), ({}, "amount"), ({"amount": "5", "everything": True}, "amount"),
        ({"amount": 5.0}, "amount"), ({"amount": "5\n"}, "amount"), ({"amount": "-5"}, "amount"),
    ],
)  # fmt: skip
def test_a_withdrawal_that_makes_no_sense_is_refused(community: Community, body: Any, field: str) -> None:
    ann = community.joins("Ann")
    response = community.admin.post(f"/api/users/{ann}/withdraw", body)
    assert (response.status_code, response.json["field"]) == (400, field)


def test_a_deposit_that_the_broker_changed_is_corrected_by_an_admin(community: Community) -> None:
    ann = community.joins("Ann")
    community.broker.does("balance", "500.00", comment="from a bank")
    community.first_deal_was("450.00")
    assert community.admin.get("/api/pool/reconciliation").json["breaks"][0]["reason"] == "DEAL_CHANGED"
    path = "/api/pool/deals/1/correct"
    assert community.caller("trade").post(path, {"reason": "r"}).status_code == 403
    assert community.admin.post("/api/pool/deals/9/correct", {"reason": "r"}).json["code"] == "DEAL_UNKNOWN"
    done = community.admin.post(path, {"reason": "the bank took a fee"}).json
    assert (done["cause"], done["reverses"], done["adjusts"]) == ("deal:1:corrected:1", "deal:1", None)
    again = community.admin.post(path, {"reason": "again"})
    assert (again.status_code, again.json["code"]) == (409, "NOT_REVERSIBLE")
    community.admin.post("/api/pool/breaks/DEAL_CHANGED/accept", {"reason": "booked"})
    community.broker.agrees()
    asked = community.admin.post(f"/api/users/{ann}/invest", {"amount": "450.00"}).json
    matched = community.admin.post(f"/api/requests/invest/{asked['id']}/match", {"ticket": 1})
    assert (matched.json["status"], community.value(ann)) == ("settled", "450.00")
    assert_sound(community.broker)


def test_a_deposit_whose_units_are_spent_is_corrected_by_the_difference(story: Any) -> None:
    community, *_ = story
    community.first_deal_was("900.00")
    done = community.admin.post("/api/pool/deals/1/correct", {"reason": "the bank took a fee"}).json
    assert (done["cause"], done["reverses"], done["adjusts"]) == ("deal:1:corrected:1", None, "deal:1")
    (left,) = community.admin.get("/api/pool/suspense").json["suspense"]
    assert (left["ticket"], left["amount"]) == (1, "-100.00")
    assert_sound(community.broker)


def test_a_member_is_told_at_once_that_the_share_holds_less(story: Any) -> None:
    """Ann's share is 1,000.00 less a part of a cent; what was asked for before is no longer there to ask for."""
    community, ann, _ = story
    mine, path = community.caller("member", user_id=ann), f"/api/users/{ann}/withdraw"
    refused = mine.post(path, {"amount": "1000.01"})
    assert (refused.status_code, refused.json["code"], refused.json["field"]) == (409, "CLAIM_TOO_SMALL", "amount")
    assert (
        "999.99 USD can be paid out of your share now: ask for 999.99 or less, or for everything"
        in refused.json["message"]
    )
    asked = mine.post(path, {"amount": "999.00"})
    assert asked.status_code == 202
    assert asked.json["next"].startswith("Nothing more for you to do")
    refused = mine.post(path, {"amount": "1.01"})
    assert "999.00 of it were asked for before" in refused.json["message"]
    assert (
        community.admin.post(path, {"amount": "1.01"})
        .json["message"]
        .startswith("999.99 USD can be paid out of the member's share")
    )
    assert mine.post(f"/api/requests/withdraw/{asked.json['id']}/cancel").status_code == 200
    everything = mine.post(path, {"everything": True})
    assert everything.status_code == 202
    assert "everything was asked for before" in mine.post(path, {"amount": "0.01"}).json["message"]
    assert "everything was asked for before" in mine.post(path, {"everything": True}).json["message"]


def test_who_holds_nothing_can_take_nothing_out(community: Community) -> None:
    ann = community.joins("Ann")
    for body in ({"amount": "0.01"}, {"everything": True}):
        refused = community.admin.post(f"/api/users/{ann}/withdraw", body)
        assert (refused.status_code, refused.json["code"]) == (409, "CLAIM_TOO_SMALL")
        assert (
            "0.00 USD can be paid out of the member's share now: there is nothing to take out"
            in refused.json["message"]
        )


def test_a_repeated_idempotency_key_is_one_request_and_a_changed_one_a_conflict(community: Community) -> None:
    ann = community.joins("Ann")
    community.pays_in(ann, "5.00")
    path, key = f"/api/users/{ann}/withdraw", {"Idempotency-Key": "w1"}
    first = community.admin.post(path, {"amount": "5.00"}, **key)
    assert community.admin.post(path, {"amount": "5.00"}, **key).json["id"] == first.json["id"]
    assert community.admin.post(path, {"everything": True}, **key).json["code"] == "IDEMPOTENCY_KEY_REUSED"
    other = community.admin.post(path, {"amount": "5.00", "idempotency_key": "w2"}, **key)
    assert (other.status_code, other.json["field"]) == (400, "idempotency_key")


# statements


def test_a_statement_adds_up(story: Any) -> None:
    community, ann, _ = story
    found = community.admin.get(f"/api/users/{ann}/statement").json
    figures = {name: Decimal(found[name]) for name in ("value", "redeemed", "contributed", "profit")}
    assert figures["profit"] == figures["value"] + figures["redeemed"] - figures["contributed"] == Decimal("320.00")
    assert Decimal(found["realised"]) + Decimal(found["unrealised"]) == figures["profit"]
    assert found["days"][-1]["value"] == found["value"] == "1000.00"
    assert sum(Decimal(day["profit"]) for day in found["days"]) == figures["profit"]
    assert [move["what"] for move in found["movements"]] == ["Paid in", "Taken out"]
    assert (found["period"]["opening"], found["period"]["closing"]) == ("0.00", "1000.00")


def test_a_period_without_days_is_an_empty_statement_and_not_an_error(story: Any) -> None:
    community, ann, _ = story
    path = f"/api/users/{ann}/statement"
    for form in ("json", "csv", "pdf"):
        assert community.file(path, format=form, **{"from": "2001-01-01", "to": "2001-12-31"}).status_code == 200
    empty = community.admin.get(path, to="2001-12-31").json
    assert (empty["days"], empty["movements"]) == ([], [])
    wrong = community.admin.get(path, **{"from": "2026-01-02", "to": "2026-01-01"})
    assert (wrong.status_code, wrong.json["field"]) == (400, "to")


def test_csv_files_hold_the_same_figures_as_the_json(story: Any) -> None:
    community, ann, _ = story
    path = f"/api/users/{ann}/statement"
    shown = community.admin.get(path).json
    days = list(csv.DictReader(io.StringIO(community.admin.get(path, format="csv").text)))
    assert [(row["day"], row["value"], row["profit"]) for row in days] == [
        (day["day"], day["value"], day["profit"]) for day in shown["days"]
    ]
    moves = list(csv.DictReader(io.StringIO(community.admin.get(path, format="csv", part="movements").text)))
    assert [(row["cash"], row["transaction_id"]) for row in moves] == [
        (move["cash"], str(move["transaction_id"])) for move in shown["movements"]
    ]


def test_the_pdf_is_a_readable_document_with_the_members_figures(story: Any) -> None:
    community, ann, _ = story
    response = community.file(f"/api/users/{ann}/statement", format="pdf")
    assert response.mimetype == "application/pdf"
    assert "attachment" in response.headers["Content-Disposition"]
    pages = PdfReader(io.BytesIO(response.data)).pages
    text = "\n".join(page.extract_text() for page in pages)
    for expected in ("Statement of account", "Ann", "1,000.00 USD", "+320.00", "Paid in", "Taken out", "Page 1 of 1"):
        assert expected in text, expected


@pytest.mark.parametrize("name", ["Łukasz Żółw", "Ωμέγα", "=HYPERLINK(1)", "Ann" * 33, "王小明"])
def test_any_name_can_have_a_pdf(community: Community, name: str) -> None:
    made = community.admin.post("/api/users", {"name": name, "email": "x@example.org"})
    path = f"/api/users/{made.json['id']}/statement"
    assert community.file(path, format="pdf").data.startswith(b"%PDF")


BOOKED = ("units", "contributed", "redeemed", "owed", "fees_paid", "fees_earned")


@pytest.mark.parametrize("figure", BOOKED)
def test_every_booked_figure_is_the_sum_of_its_entries_on_all_pages(story: Any, figure: str) -> None:
    community, ann, _ = story
    shown = community.admin.get(f"/api/users/{ann}/statement").json
    path, cursor, total = f"/api/users/{ann}/trace/{figure}", None, Decimal(0)
    while True:
        page = community.admin.get(path, limit=1, **({"cursor": cursor} if cursor else {})).json
        for entry in page["entries"]:
            total += Decimal(entry["amount"])
            told = community.admin.get(f"/api/pool/transactions/{entry['transaction_id']}").json
            assert told["cause"] == entry["cause"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert total == Decimal(page["value"]) == Decimal(shown[figure])


def test_every_figure_of_a_statement_can_be_traced(story: Any) -> None:
    community, ann, _ = story
    shown = community.admin.get(f"/api/users/{ann}/statement").json
    others = {"user", "account", "currency", "at", "period", "days", "movements", "books_head"}
    asked = [f"/api/users/{ann}/trace/{figure}" for figure in shown if figure not in others]
    seen: set[str] = set()
    while asked:
        path = asked.pop()
        if path in seen:
            continue
        seen.add(path)
        found = community.admin.get(path)
        assert found.status_code == 200, path
        assert "value" in found.json or found.json["formula"], path
        asked += found.json.get("made_of", [])
    assert len(seen) > len(shown) - len(others)
    unknown = community.admin.get(f"/api/users/{ann}/trace/luck")
    assert (unknown.status_code, unknown.json["code"]) == (404, "FIGURE_UNKNOWN")


# the pool


def test_the_pools_history_and_its_books_are_told(story: Any) -> None:
    community, *_ = story
    reader = community.caller("read")
    history = reader.get("/api/pool/history").json
    assert (history["contributed"], history["redeemed"], history["profit"]) == ("2200.00", "320.00", "440.00")
    assert history["time_weighted_return"] == "0.32000000"
    assert history["days"][-1]["nav"] == "2320.00"
    assert [year["ratio"] for year in history["years"]] == ["0.32000000"]
    report = reader.get("/api/pool/reconciliation").json
    assert (report["ledger_balance"], report["difference"], report["breaks"]) == ("2320.00", None, [])
    figures = reader.get("/api/account/stats").json["pool"]
    assert (figures["nav"], figures["nav_per_unit"]) == ("2320.00", "1.32000000")


def test_everybodys_shares_are_listed_page_by_page_and_sum_to_the_nav(story: Any) -> None:
    community, ann, bob = story
    first = community.admin.get("/api/pool/shares", limit=1).json
    second = community.admin.get("/api/pool/shares", limit=1, cursor=first["next_cursor"]).json
    listed = first["members"] + second["members"]
    assert [(each["name"], each["user_id"]) for each in listed] == [("Ann", ann), ("Bob", bob)]
    assert sum(Decimal(each["value"]) for each in listed) == Decimal(first["pool"]["nav"])
    assert second["next_cursor"] is None


def test_a_break_is_reported_with_the_deals_since_the_last_agreement(story: Any) -> None:
    community, *_ = story
    community.broker.does("sell", "11.00", entry="out")
    community.broker.agrees(community.broker.snapshot(balance=Decimal("2331.01")))
    report = community.admin.get("/api/pool/reconciliation").json
    assert not report["agrees"]
    (broken,) = report["breaks"]
    assert (broken["reason"], broken["expected"], broken["found"]) == ("BALANCE", "2331.00", "2331.01")
    assert [deal["amount"] for deal in report["deals_since"]] == ["11.00"]
    assert [Decimal(deal["amount"]) for deal in broken["deals"]] == [Decimal("11.00")]
    accepted = community.admin.post("/api/pool/breaks/BALANCE/accept", {"reason": "rounding of the broker"})
    assert accepted.status_code == 200
    listed = community.admin.get("/api/pool/breaks").json["breaks"]
    assert [each["closed_by"] is not None for each in listed] == [True]
    assert community.admin.post("/api/pool/breaks/BALANCE/accept", {"reason": "again"}).status_code == 404


def test_terms_are_agreed_on_and_fees_crystallised_through_the_api(story: Any) -> None:
    community, ann, bob = story
    manager = community.joins("Max")
    assert community.admin.get("/api/pool/terms").json["performance_rate"] == "0"
    unearned = community.admin.post("/api/pool/terms", {"performance_rate": "0.2"})
    assert (unearned.status_code, unearned.json["field"]) == (400, "manager")
    agreed = community.admin.post("/api/pool/terms", {"performance_rate": "0.20", "manager": manager, "period": "year"})
    assert (agreed.json["performance_rate"], agreed.json["manager"]) == ("0.2", manager)
    assert Decimal(community.admin.get(f"/api/users/{bob}/statement").json["fee_accrued"]) == 0, "they never reach back"
    community.broker.does("sell", "232.00", entry="out")
    refused = community.admin.post("/api/pool/terms", {"performance_rate": "0.30", "manager": manager})
    assert (refused.status_code, refused.json["code"]) == (409, "NOT_RECONCILED"), "what is earned has no price yet"
    community.broker.agrees()
    done = community.admin.post("/api/pool/fees/crystallise", {"reason": "end of the trial"}).json
    assert done["cause"].startswith("crystallisation:")
    bobs = community.admin.get(f"/api/users/{bob}/statement").json
    assert (bobs["fees_paid"], bobs["value"]) == ("26.40", "1425.60")
    assert sum(Decimal(community.value(user)) for user in (ann, bob, manager)) == Decimal("2552.00")
    assert_sound(community.broker)


def test_a_currency_without_decimals_is_counted_in_whole_ones(community: Community) -> None:
    with community.engine.begin() as connection:
        account_id = ensure_account(
            connection, login=JPY_LOGIN, server="Test", currency="JPY", currency_digits=0, margin_mode="hedging",
            leverage=100,
        ).id  # fmt: skip
    yen = Broker(engine=community.engine, account_id=account_id)
    yen.agrees()
    ann = community.joins("Ann")
    path = f"/api/users/{ann}/invest"
    assert community.admin.post(path, {"amount": "1000.5", "account": JPY_LOGIN}).json["code"] == "AMOUNT_TOO_FINE"
    asked = community.admin.post(path, {"amount": "1000", "account": JPY_LOGIN}).json
    yen.does("balance", "1000", comment=asked["reference"])
    yen.does("sell", "7", entry="out")
    yen.agrees()
    found = community.admin.get(f"/api/users/{ann}/statement", account=JPY_LOGIN).json
    assert (found["value"], found["profit"], found["currency"]) == ("1007", "7", "JPY")
    assert community.admin.get(f"/api/users/{ann}/stats", account=JPY_LOGIN).json["share"]["value"] == "1007"


def test_an_address_with_nonsense_in_it_is_no_fault_of_ours(community: Community) -> None:
    for path in ("/api/requests/invest/%00", "/api/requests/invest/x", f"/api/users/{2**70}", "/api/users/1/trace/%00"):
        assert community.admin.get(path).status_code == 404, path
    assert community.admin.get("/api/requests", cursor="!").status_code == 400
    for name in ("A\x00", " ", "\ud800", "x" * 101):
        made = community.admin.post("/api/users", {"name": name, "email": "a@example.org"})
        assert (made.status_code, made.json["field"]) == (400, "name")
    ann = community.joins("Ann")
    told = community.admin.post(f"/api/users/{ann}/deactivate", {"reason": "a\x00"})
    assert (told.status_code, told.json["field"]) == (400, "reason")
    asked = community.admin.post(f"/api/users/{ann}/invest", {"amount": "5", "idempotency_key": "a\x00"})
    assert (asked.status_code, asked.json["field"]) == (400, "idempotency_key")
