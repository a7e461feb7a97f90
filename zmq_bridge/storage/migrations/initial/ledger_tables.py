"""The tables of `tables.ledger` and their indexes; the rules that go with them are in `initial.ledger`."""

TABLES = (
    """
    CREATE TABLE ledger_heads (
        account_id bigint NOT NULL,
        hash text NOT NULL,
        transactions bigint NOT NULL,
        CONSTRAINT pk_ledger_heads PRIMARY KEY (account_id),
        CONSTRAINT fk_ledger_heads_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE ledger_transactions (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        cause text NOT NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        detail jsonb NOT NULL DEFAULT '{}'::jsonb,
        reverses text,
        prev_hash text NOT NULL,
        hash text NOT NULL CHECK (length(hash) = 64),
        CONSTRAINT pk_ledger_transactions PRIMARY KEY (id),
        CONSTRAINT uq_ledger_transactions_account_id_cause UNIQUE (account_id, cause),
        CONSTRAINT uq_ledger_transactions_account_id_prev_hash UNIQUE (account_id, prev_hash),
        CONSTRAINT fk_ledger_transactions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_ledger_transactions_account_id_id ON ledger_transactions (account_id, id)",
    """
    CREATE TABLE ledger_accounts (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        kind text NOT NULL,
        user_id bigint,
        currency text NOT NULL,
        balance numeric(28, 8) NOT NULL DEFAULT '0',
        CONSTRAINT pk_ledger_accounts PRIMARY KEY (id),
        CONSTRAINT uq_ledger_accounts_id_currency UNIQUE (id, currency),
        CONSTRAINT fk_ledger_accounts_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_ledger_accounts_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_ledger_accounts_name ON ledger_accounts (account_id, kind, coalesce(user_id, 0), currency)
    """,
    "CREATE INDEX ix_ledger_accounts_user_id ON ledger_accounts (user_id)",
    """
    CREATE TABLE ledger_entries (
        id bigserial NOT NULL,
        transaction_id bigint NOT NULL,
        ledger_account_id bigint NOT NULL,
        currency text NOT NULL,
        amount numeric(28, 8) NOT NULL CHECK (amount <> 0),
        CONSTRAINT pk_ledger_entries PRIMARY KEY (id),
        CONSTRAINT fk_ledger_entries_transaction_id_ledger_transactions
            FOREIGN KEY(transaction_id) REFERENCES ledger_transactions (id),
        CONSTRAINT fk_ledger_entries_ledger_account_id_ledger_accounts
            FOREIGN KEY(ledger_account_id, currency) REFERENCES ledger_accounts (id, currency)
    )
    """,
    "CREATE INDEX ix_ledger_entries_transaction_id ON ledger_entries (transaction_id)",
    "CREATE INDEX ix_ledger_entries_ledger_account_id ON ledger_entries (ledger_account_id, id)",
    """
    CREATE TABLE ledger_lot_changes (
        id bigserial NOT NULL,
        transaction_id bigint NOT NULL,
        account_id bigint NOT NULL,
        lot text NOT NULL,
        user_id bigint NOT NULL,
        units numeric(28, 8) NOT NULL,
        cash numeric(28, 8) NOT NULL,
        fee numeric(28, 8) NOT NULL,
        mark_nav numeric(28, 8),
        mark_units numeric(28, 8) CHECK (mark_units > 0),
        CONSTRAINT pk_ledger_lot_changes PRIMARY KEY (id),
        CONSTRAINT fk_ledger_lot_changes_transaction_id_ledger_transactions
            FOREIGN KEY(transaction_id) REFERENCES ledger_transactions (id),
        CONSTRAINT fk_ledger_lot_changes_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_ledger_lot_changes_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
    )
    """,
    "CREATE INDEX ix_ledger_lot_changes_transaction_id ON ledger_lot_changes (transaction_id)",
    "CREATE INDEX ix_ledger_lot_changes_user_id ON ledger_lot_changes (account_id, user_id, id)",
    """
    CREATE TABLE ledger_lots (
        account_id bigint NOT NULL,
        lot text NOT NULL,
        user_id bigint NOT NULL,
        opened bigint NOT NULL,
        units numeric(28, 8) NOT NULL CHECK (units >= 0),
        units_bought numeric(28, 8) NOT NULL CHECK (units_bought > 0),
        cost numeric(28, 8) NOT NULL,
        mark_nav numeric(28, 8) NOT NULL,
        mark_units numeric(28, 8) NOT NULL,
        CONSTRAINT pk_ledger_lots PRIMARY KEY (account_id, lot),
        CONSTRAINT fk_ledger_lots_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_ledger_lots_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
    )
    """,
    "CREATE INDEX ix_ledger_lots_held ON ledger_lots (account_id, user_id) WHERE units > 0",
    """
    CREATE TABLE ledger_suspense (
        account_id bigint NOT NULL,
        ticket bigint NOT NULL,
        amount numeric(28, 8) NOT NULL,
        comment text NOT NULL DEFAULT '',
        time_msc bigint NOT NULL,
        booked_at timestamptz NOT NULL,
        request text,
        settled_by text,
        reversals integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_ledger_suspense PRIMARY KEY (account_id, ticket),
        CONSTRAINT fk_ledger_suspense_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_ledger_suspense_open ON ledger_suspense (account_id) WHERE settled_by IS NULL",
    """
    CREATE TABLE ledger_terms (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        management_rate numeric NOT NULL DEFAULT 0,
        performance_rate numeric NOT NULL DEFAULT 0,
        manager_id bigint,
        period text NOT NULL DEFAULT 'month' CHECK (period IN ('month', 'quarter', 'year')),
        price_min numeric NOT NULL,
        price_max numeric NOT NULL,
        actor text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_terms PRIMARY KEY (id),
        CONSTRAINT fk_ledger_terms_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_ledger_terms_manager_id_users FOREIGN KEY(manager_id) REFERENCES users (id)
    )
    """,
    "CREATE INDEX ix_ledger_terms_account_id ON ledger_terms (account_id, id)",
    """
    CREATE TABLE ledger_prices (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        at timestamptz NOT NULL,
        server_day date NOT NULL,
        nav numeric(28, 8) NOT NULL,
        units numeric(28, 8) NOT NULL,
        cause text NOT NULL,
        hash text NOT NULL CHECK (length(hash) = 64),
        CONSTRAINT pk_ledger_prices PRIMARY KEY (id),
        CONSTRAINT fk_ledger_prices_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_ledger_prices_account_id_id ON ledger_prices (account_id, id)",
    "CREATE INDEX ix_ledger_prices_account_id_server_day ON ledger_prices (account_id, server_day, id)",
    """
    CREATE TABLE ledger_reconciliations (
        account_id bigint NOT NULL,
        session bigint NOT NULL DEFAULT 0,
        session_at timestamptz,
        stored_seq bigint NOT NULL DEFAULT 0,
        agreed_at timestamptz,
        agreed_session bigint,
        agreed_transaction_id bigint,
        balance numeric(28, 8),
        equity numeric(28, 8),
        credit numeric(28, 8),
        accrued_at timestamptz,
        crystallised_at timestamptz,
        CONSTRAINT pk_ledger_reconciliations PRIMARY KEY (account_id),
        CONSTRAINT fk_ledger_reconciliations_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE ledger_breaks (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        reason text NOT NULL,
        expected numeric(28, 8) NOT NULL,
        found numeric(28, 8) NOT NULL,
        session bigint NOT NULL,
        event_seq bigint NOT NULL,
        since_transaction_id bigint,
        deals jsonb NOT NULL DEFAULT '[]'::jsonb,
        alerted boolean NOT NULL DEFAULT true,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        closed_by text,
        CONSTRAINT pk_ledger_breaks PRIMARY KEY (id),
        CONSTRAINT fk_ledger_breaks_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_ledger_breaks_open ON ledger_breaks (account_id, reason) WHERE closed_at IS NULL",
)
