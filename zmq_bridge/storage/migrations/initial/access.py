"""The tables of `tables.access`."""

STATEMENTS = (
    """
    CREATE TABLE sessions (
        hash bytea NOT NULL,
        key_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_sessions PRIMARY KEY (hash),
        CONSTRAINT fk_sessions_key_id_api_keys FOREIGN KEY(key_id) REFERENCES api_keys (id)
    )
    """,
    "CREATE INDEX ix_sessions_expires_at ON sessions (expires_at)",
    """
    CREATE TABLE account_credentials (
        account_id bigint NOT NULL,
        sealed text NOT NULL,
        actor text NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_account_credentials PRIMARY KEY (account_id),
        CONSTRAINT fk_account_credentials_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE account_symbols (
        account_id bigint NOT NULL,
        symbols text[] NOT NULL,
        actor text NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_account_symbols PRIMARY KEY (account_id),
        CONSTRAINT fk_account_symbols_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
)
