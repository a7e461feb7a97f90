"""Rows that can be added and read, and nothing else: the database refuses, whoever asks."""

STATEMENTS = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'APPEND_ONLY: % of % is refused: expected INSERT only', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
)


def append_only(table: str) -> tuple[str, str]:
    """The triggers that make a table append-only."""
    rows = f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    whole = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    return f"CREATE TRIGGER {table}_rows_stay {rows}", f"CREATE TRIGGER {table}_stays {whole}"
