"""How many ticks of a gap came back, and its last number, to count them by."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns; of gaps that are there nothing is known."""
    op.get_bind().exec_driver_sql("ALTER TABLE tick_gaps ADD COLUMN seq_last bigint, ADD COLUMN found bigint")


def downgrade() -> None:
    """Refuse, as every revision does."""
    raise NotImplementedError("There is no way back below revision 0003: restore a backup if you mean it.")
