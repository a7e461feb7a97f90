"""What the broker said last of a deal is found at once; a table and two columns that nobody ever wrote are gone."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX ix_terminal_events_told_deals ON terminal_events (account_id, (data ->> 'ticket')) "
    "WHERE kind = 'deal'",  # a person asks for it while the account's orders wait
    "ALTER TABLE ledger_breaks DROP COLUMN alerted",
    "ALTER TABLE commands DROP COLUMN sent_session",
    "DROP TABLE settings",
)


def upgrade() -> None:
    """Change the schema; what is there stays."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse, as every revision does."""
    raise NotImplementedError("There is no way back below revision 0004: restore a backup if you mean it.")
