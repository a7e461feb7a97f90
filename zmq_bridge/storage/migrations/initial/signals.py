"""The tables of `tables.signals`. What somebody asked for and what was decided is only ever added."""

from zmq_bridge.storage.migrations.initial.append_only import append_only

STATEMENTS = (
    """
    CREATE TABLE signals (
        id text NOT NULL,
        account_id bigint,
        source text NOT NULL,
        idempotency_key text NOT NULL,
        symbol text NOT NULL,
        action text NOT NULL CHECK (action IN ('BUY', 'SELL', 'CLOSE')),
        side text CHECK (side IN ('buy', 'sell')),
        order_type text NOT NULL CHECK (order_type IN ('market', 'limit', 'stop', 'stop_limit')),
        volume numeric,
        risk_percent numeric,
        price numeric,
        stoplimit numeric,
        sl numeric,
        tp numeric,
        magic bigint NOT NULL DEFAULT 0,
        comment text NOT NULL DEFAULT '',
        confidence numeric,
        timeframe text,
        reasons jsonb NOT NULL DEFAULT '[]'::jsonb,
        status text NOT NULL CHECK (status IN ('admitted', 'denied')),
        request jsonb NOT NULL DEFAULT '{}'::jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        CONSTRAINT pk_signals PRIMARY KEY (id),
        CONSTRAINT uq_signals_source_idempotency_key UNIQUE (source, idempotency_key),
        CONSTRAINT fk_signals_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_signals_account_id_id ON signals (account_id, id)",
    "CREATE INDEX ix_signals_symbol_id ON signals (symbol, id)",
    "CREATE INDEX ix_signals_executions ON signals (idempotency_key) WHERE idempotency_key LIKE 'execute:%'",
    """
    CREATE TABLE risk_decisions (
        id text NOT NULL,
        signal_id text,
        account_id bigint,
        verdict text NOT NULL CHECK (verdict IN ('approved', 'denied')),
        code text NOT NULL,
        context jsonb NOT NULL DEFAULT '{}'::jsonb,
        inputs jsonb NOT NULL DEFAULT '{}'::jsonb,
        checks jsonb NOT NULL DEFAULT '[]'::jsonb,
        source text,
        idempotency_key text,
        request jsonb,
        decided_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_risk_decisions PRIMARY KEY (id),
        CONSTRAINT uq_risk_decisions_source_idempotency_key UNIQUE (source, idempotency_key),
        CONSTRAINT fk_risk_decisions_signal_id_signals FOREIGN KEY(signal_id) REFERENCES signals (id),
        CONSTRAINT fk_risk_decisions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_risk_decisions_account_id_id ON risk_decisions (account_id, id)",
    "CREATE INDEX ix_risk_decisions_signal_id ON risk_decisions (signal_id)",
    """
    CREATE TABLE commands (
        id text NOT NULL,
        account_id bigint NOT NULL,
        signal_id text,
        decision_id text,
        source text NOT NULL DEFAULT 'system',
        idempotency_key text,
        kind text NOT NULL
            CHECK (kind IN ('place_order', 'modify_position', 'close_position', 'close_by', 'modify_order',
                            'cancel_order', 'close_all', 'set_trading_state', 'fetch_ticks')),
        payload jsonb NOT NULL DEFAULT '{}'::jsonb,
        status text NOT NULL DEFAULT 'queued'
            CHECK (status IN ('queued', 'sent', 'accepted', 'done', 'rejected', 'expired', 'unknown')),
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at timestamptz,
        sent_session bigint,
        recalled_at timestamptz,
        finished_at timestamptz,
        retcode integer,
        retcode_name text,
        order_ticket bigint,
        deal_ticket bigint,
        position_ticket bigint,
        filled_volume numeric,
        fill_price numeric,
        message text NOT NULL DEFAULT '',
        result_session bigint,
        result_seq bigint,
        CONSTRAINT pk_commands PRIMARY KEY (id),
        CONSTRAINT uq_commands_source_idempotency_key UNIQUE (source, idempotency_key),
        CONSTRAINT fk_commands_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_commands_signal_id_signals FOREIGN KEY(signal_id) REFERENCES signals (id),
        CONSTRAINT fk_commands_decision_id_risk_decisions FOREIGN KEY(decision_id) REFERENCES risk_decisions (id)
    )
    """,
    "CREATE INDEX ix_commands_account_id_id ON commands (account_id, id)",
    "CREATE INDEX ix_commands_order_ticket ON commands (account_id, order_ticket) WHERE order_ticket IS NOT NULL",
    "CREATE INDEX ix_commands_openings ON commands (account_id, created_at) WHERE kind = 'place_order'",
    "CREATE INDEX ix_commands_open ON commands (account_id, id) WHERE finished_at IS NULL",
    "CREATE INDEX ix_commands_queued ON commands (account_id, id) WHERE status = 'queued'",
    "CREATE INDEX ix_commands_signal_id ON commands (signal_id)",
    """
    CREATE INDEX ix_commands_decision_id ON commands (decision_id) WHERE signal_id IS NULL AND decision_id IS NOT NULL
    """,
    """
    CREATE TABLE reservations (
        command_id text NOT NULL,
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        side text NOT NULL CHECK (side IN ('buy', 'sell')),
        volume numeric NOT NULL,
        risk numeric NOT NULL,
        margin numeric NOT NULL,
        notional numeric NOT NULL,
        slots smallint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        end_reason text,
        CONSTRAINT pk_reservations PRIMARY KEY (command_id),
        CONSTRAINT fk_reservations_command_id_commands FOREIGN KEY(command_id) REFERENCES commands (id),
        CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
        CONSTRAINT fk_reservations_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_reservations_open ON reservations (account_id) WHERE ended_at IS NULL",
    *append_only("signals"),
    *append_only("risk_decisions"),
)
