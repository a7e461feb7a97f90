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
        halted_until timestamptz,
        drawdown_latched boolean NOT NULL DEFAULT false,
        drawdown_latched_at timestamptz,
        drawdown_reset_by text,
        drawdown_reset_at timestamptz,
        reconciled boolean NOT NULL DEFAULT false,
        flows_total numeric NOT NULL DEFAULT 0,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_risk_state PRIMARY KEY (account_id),
        CONSTRAINT fk_risk_state_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
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
