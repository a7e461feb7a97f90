"""The tables of `tables.accounts`."""

STATEMENTS = (
    """
    CREATE TABLE accounts (
        id bigserial NOT NULL,
        login bigint NOT NULL,
        server text NOT NULL,
        name text NOT NULL DEFAULT '',
        company text NOT NULL DEFAULT '',
        currency text NOT NULL,
        currency_digits smallint NOT NULL DEFAULT 2,
        margin_mode text NOT NULL CHECK (margin_mode IN ('netting', 'exchange', 'hedging')),
        leverage integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_accounts PRIMARY KEY (id),
        CONSTRAINT uq_accounts_login_server UNIQUE (login, server)
    )
    """,
    """
    CREATE TABLE terminals (
        account_id bigint NOT NULL,
        role text NOT NULL CHECK (role IN ('both', 'feed', 'desk')),
        session bigint NOT NULL,
        program text NOT NULL DEFAULT '',
        version text NOT NULL DEFAULT '',
        build integer NOT NULL DEFAULT 0,
        server_offset_s integer NOT NULL DEFAULT 0,
        clock_skew_ms bigint,
        state text NOT NULL DEFAULT 'connected' CHECK (state IN ('connected', 'disconnected')),
        trading_state text CHECK (trading_state IN ('active', 'reducing', 'halted')),
        trading_state_at timestamptz,
        trading_state_session bigint,
        trading_state_seq bigint,
        journal text NOT NULL DEFAULT '',
        journal_since timestamptz NOT NULL DEFAULT now(),
        connected_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_terminals PRIMARY KEY (account_id, role),
        CONSTRAINT fk_terminals_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE symbols (
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        spec jsonb NOT NULL DEFAULT '{}'::jsonb,
        digits smallint NOT NULL,
        point numeric NOT NULL,
        tick_size numeric NOT NULL,
        tick_value numeric NOT NULL,
        contract_size numeric NOT NULL,
        volume_min numeric NOT NULL,
        volume_max numeric NOT NULL,
        volume_step numeric NOT NULL,
        commission numeric NOT NULL DEFAULT 0,
        tradable boolean NOT NULL DEFAULT true,
        updated_at timestamptz NOT NULL DEFAULT now(),
        seen_at timestamptz NOT NULL DEFAULT now(),
        probe jsonb,
        probed_at timestamptz,
        figures jsonb,
        figures_at timestamptz,
        CONSTRAINT pk_symbols PRIMARY KEY (account_id, symbol),
        CONSTRAINT fk_symbols_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
)
