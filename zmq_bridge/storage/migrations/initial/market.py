"""The tables of `tables.market`."""

STATEMENTS = (
    "CREATE SEQUENCE ticks_id_seq CACHE 1",
    """
    CREATE TABLE ticks (
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        time_msc bigint NOT NULL,
        bid double precision NOT NULL,
        ask double precision NOT NULL,
        last double precision NOT NULL,
        volume_real double precision NOT NULL,
        flags integer NOT NULL,
        session bigint NOT NULL,
        seq bigint NOT NULL,
        received_at timestamptz NOT NULL,
        backfilled boolean NOT NULL DEFAULT false,
        id bigint NOT NULL DEFAULT nextval('ticks_id_seq'::regclass)
    ) PARTITION BY RANGE (time_msc)
    """,
    "CREATE INDEX ix_ticks_time_msc ON ticks USING brin (time_msc)",
    """
    CREATE TABLE tick_cursors (
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        session bigint NOT NULL,
        seq bigint NOT NULL,
        time_msc bigint NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        filled_msc bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_tick_cursors PRIMARY KEY (account_id, symbol),
        CONSTRAINT fk_tick_cursors_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    """
    CREATE TABLE tick_gaps (
        id bigserial NOT NULL,
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        session bigint NOT NULL,
        from_msc bigint NOT NULL,
        to_msc bigint NOT NULL,
        lost bigint,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'filled', 'lost')),
        reason text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        closed_at timestamptz,
        CONSTRAINT pk_tick_gaps PRIMARY KEY (id),
        CONSTRAINT fk_tick_gaps_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_tick_gaps_open ON tick_gaps (account_id) WHERE state = 'open'",
    """
    CREATE TABLE candles (
        account_id bigint NOT NULL,
        symbol text NOT NULL,
        timeframe text NOT NULL,
        time_msc bigint NOT NULL,
        open double precision NOT NULL,
        high double precision NOT NULL,
        low double precision NOT NULL,
        close double precision NOT NULL,
        tick_volume bigint NOT NULL,
        closed boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_candles PRIMARY KEY (account_id, symbol, timeframe, time_msc),
        CONSTRAINT fk_candles_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
)
