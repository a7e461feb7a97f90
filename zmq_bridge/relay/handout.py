"""What terminals are given: commands, acknowledgements, the trading state, and the answers to their questions.

Law: a held pull is answered the moment there is something new for it; what nobody waits for lies on the workbench until
the next pull. An answer that could not be sent takes nothing with it.
"""

from __future__ import annotations

from collections import Counter

from zmq_bridge.protocol.commands import SetTradingState
from zmq_bridge.protocol.dialogue import Received, Work
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.relay.messages import Claimed, Fetch, Recalled, StateSet
from zmq_bridge.relay.sessions import Desk, Sessions
from zmq_bridge.sockets.envelope import Request
from zmq_bridge.sockets.terminal_server import TerminalServer, steady_ms, unix_ms

SET_STATE_TTL_MS = 60_000


class Handout:
    """Answers terminals."""

    def __init__(self, server: TerminalServer, sessions: Sessions, counts: Counter[str]) -> None:
        self._server, self._sessions, self._counts = server, sessions, counts

    def answer(self, desk: Desk) -> None:
        """Answer a held pull with what there is."""
        load = desk.work.load(steady_ms())
        work = Work(
            session=desk.session.number, now_ms=unix_ms(), trading_state=load.trading_state, commands=load.commands,
            acks=load.acks,
        )  # fmt: skip
        if self._server.answer_pull(desk.session, work):
            self._counts["commands_handed_out"] += len(load.commands)
        else:
            desk.work.unload(load)

    def answer_if_waiting(self, desk: Desk) -> None:
        """Answer a held pull if there is something new for it."""
        if desk.session.waiting is not None and desk.work.is_urgent():
            self.answer(desk)

    def answer_all(self) -> None:
        """Answer every held pull."""
        for desk in self._sessions:
            if desk.session.waiting is not None:
                self.answer(desk)

    def claimed(self, report: Claimed) -> None:
        """Give commands to the account's terminal."""
        desk = self._trading_desk(report.account_id)
        if desk is None:
            self._counts["commands_without_terminal"] += len(report.commands)
            return  # they are marked sent: handed out at the next hello, or by the sweep
        now_ms = steady_ms()
        for command in report.commands:
            desk.work.offer(command, now_ms)
        self.answer_if_waiting(desk)

    def recalled(self, report: Recalled) -> None:
        """Let nobody begin these commands any more: not who has them already and lost them, nor who gets them yet."""
        for desk in self._sessions.of_account(report.account_id):
            for command_id in report.command_ids:
                desk.work.recall(command_id)

    def fetch(self, report: Fetch) -> None:
        """Ask an account's terminals for ticks."""
        for desk in self._sessions.of_account(report.account_id):
            if desk.session.takes_fetches and desk.is_present:
                desk.work.offer(report.command, steady_ms())
                self.answer_if_waiting(desk)

    def state_set(self, report: StateSet) -> None:
        """Tell an account's terminals what they must enforce."""
        for desk in self._sessions.of_account(report.account_id):
            if desk.work.trading_state == report.state:
                continue
            desk.work.trading_state = report.state
            if desk.session.takes_trades:
                desk.work.offer(_set_state(report), steady_ms())
            self.answer_if_waiting(desk)

    def keep_question(self, desk: Desk, name: str, request: Request, *, taken: bool) -> None:
        """Hold a request until what it brought is committed; refuse it where nobody could take it."""
        if taken:
            desk.question = (name, request)
        else:
            self._server.refuse(request, ErrorCode.UNAVAILABLE, "too much to do", session=desk.session.number)

    def answer_question(self, login: int, number: int, name: str, *, committed: bool) -> None:
        """Answer a request that waited for its commit."""
        desk = self._sessions.find(login, number)
        if desk is None or desk.question is None or desk.question[0] != name:
            return  # its terminal has given it up
        (_, request), desk.question = desk.question, None
        if committed:
            self._server.reply(request, Received(session=number, now_ms=unix_ms(), command_id=name))
        else:
            self._server.refuse(request, ErrorCode.UNAVAILABLE, "the books are not open now", session=number)

    def _trading_desk(self, account_id: int) -> Desk | None:
        trading = (desk for desk in self._sessions.of_account(account_id) if desk.session.takes_trades)
        return next(trading, None)


def _set_state(report: StateSet) -> SetTradingState:
    now_ms = unix_ms()
    return SetTradingState(
        command_id=new_id(now_ms),
        expires_at_ms=now_ms + SET_STATE_TTL_MS,
        state=report.state,
        reason="set at the bridge",
    )
