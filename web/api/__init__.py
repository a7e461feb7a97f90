"""The REST API: one blueprint a noun. A handler parses, asks a part, and answers."""

from web.api.account import blueprint as account
from web.api.deals import blueprint as deals
from web.api.health import blueprint as health
from web.api.market import blueprint as market
from web.api.member_requests import blueprint as member_requests
from web.api.orders import blueprint as orders
from web.api.pool import blueprint as pool
from web.api.positions import blueprint as positions
from web.api.risk import blueprint as risk
from web.api.risk_decisions import blueprint as decisions
from web.api.risk_limits import blueprint as limits
from web.api.risk_switch import blueprint as switches
from web.api.session import blueprint as session
from web.api.signal_actions import blueprint as signal_actions
from web.api.signals import blueprint as signals
from web.api.statements import blueprint as statements
from web.api.users import blueprint as users

BLUEPRINTS = (
    health, session, signals, signal_actions, positions, orders, deals, account, users, member_requests, statements,
    pool, market, risk, decisions, limits, switches,
)  # fmt: skip
