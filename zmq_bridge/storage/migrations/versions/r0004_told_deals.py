"""What the broker said last of a deal is found at once: a person asks for it while the account's orders wait."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TOLD_DEALS = """
CREATE INDEX ix_terminal_events_told_deals ON terminal_events (account_id, (data ->> 'ticket')) WHERE kind = 'deal'
"""


def upgrade() -> None:
    """Add the index; what is there stays."""
    op.get_bind().exec_driver_sql(TOLD_DEALS, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse, as every revision does."""
    raise NotImplementedError("There is no way back below revision 0004: restore a backup if you mean it.")
