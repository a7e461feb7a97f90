"""The tables of `tables.risk`."""

STATEMENTS = (
    """
    CREATE TABLE risk_state (
        account_id bigint NOT NULL,
        server_day date NOT NULL,
        daily_reference numeric NOT NULL,
        net_flows_today numeric NOT NULL DEFAULT 0,
        nav_index numeric NOT NULL DEFAULT 1,
        nav_index_peak numeric NOT NULL DEFAULT 1,
        nav_units numeric NOT NULL DEFAULT 0,
        reconciled boolean NOT NULL DEFAULT false,
        flows_total numeric NOT NULL DEFAULT 0,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_risk_state PRIMARY KEY (account_id),
        CONSTRAINT fk_risk_state_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE holds (
        id bigserial NOT NULL,
        account_id bigint,
        cause text NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
        reason text NOT NULL,
        actor text NOT NULL,
        began_at timestamptz NOT NULL,
        until timestamptz,
        closes boolean NOT NULL DEFAULT false,
        ended_at timestamptz,
        ended_by text,
        CONSTRAINT pk_holds PRIMARY KEY (id),
        CONSTRAINT fk_holds_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE UNIQUE INDEX uq_holds_in_force ON holds (account_id, cause) NULLS NOT DISTINCT WHERE ended_at IS NULL",
    "CREATE INDEX ix_holds_account_id_id ON holds (account_id, id)",
    """
    CREATE VIEW trading_states AS
    SELECT accounts.id AS account_id, coalesce(strictest.state, 'active') AS trading_state,
        coalesce(strictest.reason, 'no hold') AS trading_state_reason,
        coalesce(strictest.actor, 'system') AS trading_state_actor,
        coalesce(strictest.began_at, accounts.created_at) AS trading_state_at
    FROM accounts LEFT JOIN LATERAL (
        SELECT state, reason, actor, began_at FROM holds
        WHERE ended_at IS NULL AND (account_id = accounts.id OR account_id IS NULL) AND state <> 'active'
          AND (until IS NULL OR until > now())
        ORDER BY state = 'halted' DESC, began_at, id LIMIT 1
    ) AS strictest ON true
    """,
    """
    CREATE TABLE adoptions (
        account_id bigint NOT NULL,
        ticket bigint NOT NULL,
        actor text NOT NULL,
        reason text NOT NULL,
        adopted_at timestamptz NOT NULL,
        CONSTRAINT pk_adoptions PRIMARY KEY (account_id, ticket),
        CONSTRAINT fk_adoptions_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE strategy_latches (
        account_id bigint NOT NULL,
        strategy text NOT NULL,
        reason text NOT NULL,
        latched_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_strategy_latches PRIMARY KEY (account_id, strategy),
        CONSTRAINT fk_strategy_latches_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE correlations (
        account_id bigint NOT NULL,
        as_of timestamptz NOT NULL,
        symbols jsonb NOT NULL DEFAULT '[]'::jsonb,
        links jsonb NOT NULL DEFAULT '{}'::jsonb,
        CONSTRAINT pk_correlations PRIMARY KEY (account_id),
        CONSTRAINT fk_correlations_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE risk_limits (
        id bigserial NOT NULL,
        account_id bigint,
        source text,
        symbol text,
        magic bigint,
        limits jsonb NOT NULL DEFAULT '{}'::jsonb,
        actor text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        CONSTRAINT pk_risk_limits PRIMARY KEY (id),
        CONSTRAINT fk_risk_limits_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_risk_limits_in_force ON risk_limits (account_id, source, symbol, magic)
        NULLS NOT DISTINCT WHERE ended_at IS NULL
    """,
)
