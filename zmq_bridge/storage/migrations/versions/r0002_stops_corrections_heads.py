"""Stops that have still to come to an account; deposits that the broker corrected; a count of the prices kept."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STOPS = (
    """
    CREATE TABLE stops_outstanding (
        account_id bigint NOT NULL,
        reason text NOT NULL,
        actor text NOT NULL,
        tells boolean NOT NULL,
        noted_at timestamptz NOT NULL,
        CONSTRAINT pk_stops_outstanding PRIMARY KEY (account_id),
        CONSTRAINT fk_stops_outstanding_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
)

CORRECTIONS = (
    "ALTER TABLE ledger_suspense ADD COLUMN correction integer NOT NULL DEFAULT 0",
    """
    ALTER TABLE ledger_suspense DROP CONSTRAINT pk_ledger_suspense,
        ADD CONSTRAINT pk_ledger_suspense PRIMARY KEY (account_id, ticket, correction)
    """,
)

HEADS = (
    """
    CREATE TABLE ledger_price_heads (
        account_id bigint NOT NULL,
        hash text NOT NULL,
        prices bigint NOT NULL,
        CONSTRAINT pk_ledger_price_heads PRIMARY KEY (account_id),
        CONSTRAINT fk_ledger_price_heads_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "LOCK TABLE ledger_prices IN SHARE ROW EXCLUSIVE MODE",  # a price that came now would be counted by nobody
    """
    INSERT INTO ledger_price_heads (account_id, hash, prices)
    SELECT counted.account_id, newest.hash, counted.prices
    FROM (SELECT account_id, count(*) AS prices, max(id) AS id FROM ledger_prices GROUP BY account_id) AS counted
    JOIN ledger_prices AS newest ON newest.id = counted.id
    """,
    """
    CREATE FUNCTION ledger_count_price() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO ledger_price_heads AS heads (account_id, hash, prices) VALUES (NEW.account_id, NEW.hash, 1)
        ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, prices = heads.prices + 1;
        RETURN NULL;
    END
    $$
    """,
    """
    DO $$
    BEGIN
        EXECUTE format('ALTER FUNCTION %I.ledger_count_price() SET search_path = %I, pg_temp', current_schema(),
            current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I.ledger_count_price() FROM PUBLIC', current_schema());
    END
    $$
    """,
    """
    CREATE TRIGGER ledger_prices_count_price AFTER INSERT ON ledger_prices
        FOR EACH ROW EXECUTE FUNCTION ledger_count_price()
    """,
)

RIGHTS = (
    "ALTER FUNCTION zmq_bridge_grant(name) RENAME TO zmq_bridge_grant_0001",
    """
    CREATE FUNCTION zmq_bridge_grant(role_name name) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        PERFORM zmq_bridge_grant_0001(role_name);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON ledger_price_heads FROM %I', role_name);
    END
    $$
    """,
    """
    DO $$
    DECLARE granted name;
    BEGIN
        FOR granted IN
            SELECT grantee FROM information_schema.role_table_grants
            WHERE table_schema = current_schema AND table_name = 'signals' AND privilege_type = 'INSERT'
                AND grantee NOT IN (grantor, 'PUBLIC')
        LOOP
            PERFORM zmq_bridge_grant(granted);
        END LOOP;
    END
    $$
    """,
)
"""What a role of the application may do with the new tables, and every role that may work with the old ones does so."""


def upgrade() -> None:
    """Add them; what is there stays."""
    connection = op.get_bind()
    for statement in (*STOPS, *CORRECTIONS, *HEADS, *RIGHTS):
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Refuse: an older program would not look at what is outstanding."""
    raise NotImplementedError("There is no way back below revision 0002: restore a backup if you mean it.")
