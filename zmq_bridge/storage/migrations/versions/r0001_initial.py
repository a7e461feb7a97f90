"""Everything there is on the first day."""

from alembic import op

from zmq_bridge.storage.migrations.initial import STATEMENTS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, index, function and trigger."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: below the first revision there is no schema, only lost books."""
    raise NotImplementedError("There is nothing below revision 0001: drop the database yourself if you mean it.")
