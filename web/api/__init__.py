"""The REST API: one blueprint a noun. A handler parses, asks a part, and answers."""

from web.api.account import blueprint as account
from web.api.audit import blueprint as audit
from web.api.bars import blueprint as bars
from web.api.deals import blueprint as deals
from web.api.equity import blueprint as equity
from web.api.health import blueprint as health
from web.api.keys import blueprint as keys
from web.api.market import blueprint as market
from web.api.member_requests import blueprint as member_requests
from web.api.mt5_accounts import blueprint as mt5_accounts
from web.api.notifications import blueprint as notifications
from web.api.operations import blueprint as operations
from web.api.orders import blueprint as orders
from web.api.pool import blueprint as pool
from web.api.pool_decisions import blueprint as pool_decisions
from web.api.positions import blueprint as positions
from web.api.risk import blueprint as risk
from web.api.risk_decisions import blueprint as decisions
from web.api.risk_limits import blueprint as limits
from web.api.risk_switch import blueprint as switches
from web.api.session import blueprint as session
from web.api.signal_actions import blueprint as signal_actions
from web.api.signals import blueprint as signals
from web.api.statements import blueprint as statements
from web.api.terminals import blueprint as terminals
from web.api.users import blueprint as users

BLUEPRINTS = (
    account, audit, bars, deals, equity, health, keys, market, member_requests, mt5_accounts, notifications, operations,
    orders, pool, pool_decisions, positions, risk, decisions, limits, switches, session, signal_actions, signals,
    statements, terminals, users,
)  # fmt: skip
