"""The tables of `tables.trading`."""

STATEMENTS = (
    """
    CREATE TABLE terminal_events (
        account_id bigint NOT NULL,
        session bigint NOT NULL,
        seq bigint NOT NULL,
        kind text NOT NULL,
        data jsonb NOT NULL DEFAULT '{}'::jsonb,
        error text,
        received_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_terminal_events PRIMARY KEY (account_id, session, seq),
        CONSTRAINT fk_terminal_events_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE orders (
        account_id bigint NOT NULL,
        ticket bigint NOT NULL,
        symbol text NOT NULL,
        order_type text NOT NULL,
        state text NOT NULL,
        working boolean NOT NULL DEFAULT true,
        volume_initial numeric NOT NULL,
        volume_current numeric NOT NULL,
        price_open numeric NOT NULL,
        price_stoplimit numeric NOT NULL,
        sl numeric NOT NULL,
        tp numeric NOT NULL,
        time_setup_msc bigint NOT NULL,
        expiration_msc bigint NOT NULL DEFAULT 0,
        magic bigint NOT NULL DEFAULT 0,
        comment text NOT NULL DEFAULT '',
        command_id text,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_orders PRIMARY KEY (account_id, ticket),
        CONSTRAINT fk_orders_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_orders_command_id_commands FOREIGN KEY(command_id) REFERENCES commands (id)
    )
    """,
    "CREATE INDEX ix_orders_working ON orders (account_id) WHERE working",
    """
    CREATE TABLE deals (
        account_id bigint NOT NULL,
        ticket bigint NOT NULL,
        order_ticket bigint NOT NULL DEFAULT 0,
        position_ticket bigint NOT NULL DEFAULT 0,
        symbol text NOT NULL DEFAULT '',
        type text NOT NULL,
        entry text NOT NULL CHECK (entry IN ('in', 'out', 'inout', 'out_by')),
        volume numeric NOT NULL,
        price numeric NOT NULL,
        profit numeric NOT NULL,
        commission numeric NOT NULL,
        swap numeric NOT NULL,
        fee numeric NOT NULL,
        time_msc bigint NOT NULL,
        magic bigint NOT NULL DEFAULT 0,
        comment text NOT NULL DEFAULT '',
        reason text NOT NULL DEFAULT '',
        sl numeric NOT NULL,
        tp numeric NOT NULL,
        command_id text,
        signal_id text,
        received_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_deals PRIMARY KEY (account_id, ticket),
        CONSTRAINT fk_deals_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_deals_command_id_commands FOREIGN KEY(command_id) REFERENCES commands (id),
        CONSTRAINT fk_deals_signal_id_signals FOREIGN KEY(signal_id) REFERENCES signals (id)
    )
    """,
    "CREATE INDEX ix_deals_account_id_time_msc ON deals (account_id, time_msc, ticket)",
    "CREATE INDEX ix_deals_command_id ON deals (command_id)",
    "CREATE INDEX ix_deals_flows ON deals (account_id) WHERE type = 'balance'",
    "CREATE INDEX ix_deals_position ON deals (account_id, position_ticket)",
    """
    CREATE TABLE positions (
        account_id bigint NOT NULL,
        ticket bigint NOT NULL,
        symbol text NOT NULL,
        side text NOT NULL CHECK (side IN ('buy', 'sell')),
        volume numeric NOT NULL,
        price_open numeric NOT NULL,
        price_current numeric NOT NULL,
        sl numeric NOT NULL,
        tp numeric NOT NULL,
        profit numeric NOT NULL,
        swap numeric NOT NULL,
        time_msc bigint NOT NULL,
        magic bigint NOT NULL DEFAULT 0,
        comment text NOT NULL DEFAULT '',
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_positions PRIMARY KEY (account_id, ticket),
        CONSTRAINT fk_positions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE account_snapshots (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        session bigint NOT NULL,
        seq bigint NOT NULL,
        event_seq bigint NOT NULL,
        time_msc bigint NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        balance numeric NOT NULL,
        equity numeric NOT NULL,
        credit numeric NOT NULL,
        profit numeric NOT NULL,
        margin numeric NOT NULL,
        margin_free numeric NOT NULL,
        margin_level numeric NOT NULL,
        trade_allowed boolean NOT NULL DEFAULT true,
        trade_expert boolean NOT NULL DEFAULT true,
        CONSTRAINT pk_account_snapshots PRIMARY KEY (id),
        CONSTRAINT uq_account_snapshots_account_id_session_event_seq_seq UNIQUE (account_id, session, event_seq, seq),
        CONSTRAINT fk_account_snapshots_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_account_snapshots_account_id_id ON account_snapshots (account_id, id)",
)
