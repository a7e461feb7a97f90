"""NOTIFY where rows change that somebody watches, so that no code path can forget to tell.

Channel `risk`: what holds an account changed; the payload is the account's id, empty for all. Channel `access`: a key
or a session ended or changed; the payload is the key's id. Both only wake: whoever listens reads the rows.
"""


def _told(table: str, channel: str, payload: str, *, on: str, when: str = "") -> tuple[str, str]:
    """A trigger that tells `channel`; `payload` is an expression over `one`, the row as it is, or was."""
    name = f"{table}_tell_{channel}"
    condition = f"WHEN ({when})" if when else ""
    return (
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE one {table}%ROWTYPE;
        BEGIN
            IF TG_OP = 'DELETE' THEN one := OLD; ELSE one := NEW; END IF;
            PERFORM pg_notify('{channel}', coalesce(({payload})::text, ''));
            RETURN NULL;
        END
        $$
        """,
        f"CREATE TRIGGER {name} AFTER {on} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION {name}()",
    )


def _changed(*columns: str) -> str:
    return " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)


STATEMENTS = (
    *_told("holds", "risk", "one.account_id", on="INSERT OR UPDATE OR DELETE"),
    *_told("strategy_latches", "risk", "one.account_id", on="INSERT OR UPDATE OR DELETE"),
    *_told("accounts", "risk", "one.id", on="INSERT"),
    *_told(
        "api_keys", "access", "one.id", on="UPDATE",
        when=_changed("revoked_at", "expires_at", "scopes", "accounts", "symbols", "user_id"),
    ),
    *_told("sessions", "access", "one.key_id", on="DELETE"),
)  # fmt: skip
