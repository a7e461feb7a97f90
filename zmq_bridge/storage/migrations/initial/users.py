"""The tables of `tables.users`."""

STATEMENTS = (
    """
    CREATE TABLE users (
        id bigserial NOT NULL,
        name text NOT NULL,
        email text NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_users PRIMARY KEY (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_users_email ON users (lower(email))",
    """
    CREATE TABLE subscriptions (
        id text NOT NULL,
        user_id bigint NOT NULL,
        account_id bigint NOT NULL,
        amount numeric NOT NULL,
        currency text NOT NULL,
        reference text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'matched', 'settled', 'cancelled')),
        source text NOT NULL DEFAULT 'system',
        idempotency_key text,
        deal_ticket bigint,
        units numeric,
        settled_amount numeric,
        refusal text,
        created_at timestamptz NOT NULL DEFAULT now(),
        settled_at timestamptz,
        CONSTRAINT pk_subscriptions PRIMARY KEY (id),
        CONSTRAINT uq_subscriptions_source_idempotency_key UNIQUE (source, idempotency_key),
        CONSTRAINT fk_subscriptions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id),
        CONSTRAINT fk_subscriptions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_subscriptions_pending ON subscriptions (account_id) WHERE status = 'pending'",
    "CREATE INDEX ix_subscriptions_user_id ON subscriptions (user_id)",
    """
    CREATE UNIQUE INDEX uq_subscriptions_reference ON subscriptions (account_id, upper(reference))
        WHERE reference <> '' AND status IN ('pending', 'matched')
    """,
    """
    CREATE TABLE redemptions (
        id text NOT NULL,
        user_id bigint NOT NULL,
        account_id bigint NOT NULL,
        amount numeric,
        full_exit boolean NOT NULL DEFAULT false,
        currency text NOT NULL,
        reference text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'matched', 'owed', 'settled', 'cancelled')),
        source text NOT NULL DEFAULT 'system',
        idempotency_key text,
        deal_ticket bigint,
        units numeric,
        settled_amount numeric,
        refusal text,
        created_at timestamptz NOT NULL DEFAULT now(),
        settled_at timestamptz,
        CONSTRAINT pk_redemptions PRIMARY KEY (id),
        CONSTRAINT uq_redemptions_source_idempotency_key UNIQUE (source, idempotency_key),
        CONSTRAINT fk_redemptions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id),
        CONSTRAINT fk_redemptions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_redemptions_pending ON redemptions (account_id) WHERE status = 'pending'",
    "CREATE INDEX ix_redemptions_user_id ON redemptions (user_id)",
    """
    CREATE UNIQUE INDEX uq_redemptions_reference ON redemptions (account_id, upper(reference))
        WHERE reference <> '' AND status IN ('pending', 'matched', 'owed')
    """,
)
