"""The tables of `tables.system`."""

from zmq_bridge.storage.migrations.initial.append_only import append_only

STATEMENTS = (
    """
    CREATE TABLE api_keys (
        id text NOT NULL,
        name text NOT NULL,
        prefix text NOT NULL,
        hash bytea NOT NULL,
        scopes text[] NOT NULL,
        accounts bigint[],
        symbols text[],
        user_id bigint,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz,
        rotated_from text,
        CONSTRAINT pk_api_keys PRIMARY KEY (id),
        CONSTRAINT uq_api_keys_prefix UNIQUE (prefix),
        CONSTRAINT fk_api_keys_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
    )
    """,
    """
    CREATE TABLE audit_log (
        id bigserial NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        action text NOT NULL,
        subject text NOT NULL,
        account_id bigint,
        before jsonb,
        after jsonb,
        CONSTRAINT pk_audit_log PRIMARY KEY (id),
        CONSTRAINT fk_audit_log_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_audit_log_subject ON audit_log (subject)",
    "CREATE INDEX ix_audit_log_at_id ON audit_log (at, id)",
    *append_only("audit_log"),
    """
    CREATE TABLE settings (
        key text NOT NULL,
        value jsonb NOT NULL DEFAULT '{}'::jsonb,
        actor text NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_settings PRIMARY KEY (key)
    )
    """,
)
