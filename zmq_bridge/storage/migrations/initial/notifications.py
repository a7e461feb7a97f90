"""The tables of `tables.notifications`."""

STATEMENTS = (
    """
    CREATE TABLE notifications (
        id bigserial NOT NULL,
        event text NOT NULL,
        severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
        title text NOT NULL,
        body text NOT NULL DEFAULT '',
        account_id bigint,
        dedupe_key text,
        created_at timestamptz NOT NULL DEFAULT now(),
        routed_at timestamptz,
        CONSTRAINT pk_notifications PRIMARY KEY (id),
        CONSTRAINT uq_notifications_dedupe_key UNIQUE (dedupe_key),
        CONSTRAINT fk_notifications_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id)
    )
    """,
    "CREATE INDEX ix_notifications_unrouted ON notifications (id) WHERE routed_at IS NULL",
    """
    CREATE TABLE notification_destinations (
        id bigserial NOT NULL,
        name text NOT NULL,
        secret bytea,
        variable text,
        enabled boolean NOT NULL DEFAULT true,
        quiet_from time,
        quiet_to time,
        quiet_zone text NOT NULL DEFAULT 'UTC',
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_notification_destinations PRIMARY KEY (id),
        CONSTRAINT uq_notification_destinations_name UNIQUE (name),
        CHECK ((secret IS NULL) <> (variable IS NULL)),
        CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
    )
    """,
    """
    CREATE TABLE notification_rules (
        id bigserial NOT NULL,
        event text NOT NULL DEFAULT '*',
        severity_min text NOT NULL DEFAULT 'info' CHECK (severity_min IN ('info', 'warning', 'critical')),
        account_id bigint,
        destination_id bigint NOT NULL,
        digest_minutes integer NOT NULL DEFAULT 0 CHECK (digest_minutes BETWEEN 0 AND 1440),
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_notification_rules PRIMARY KEY (id),
        CONSTRAINT fk_notification_rules_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (id),
        CONSTRAINT fk_notification_rules_destination_id_notification_destinations FOREIGN KEY(destination_id)
            REFERENCES notification_destinations (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE notification_deliveries (
        id bigserial NOT NULL,
        notification_id bigint NOT NULL,
        destination_id bigint NOT NULL,
        status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
        digest boolean NOT NULL DEFAULT false,
        attempts integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now(),
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at timestamptz,
        last_error text NOT NULL DEFAULT '',
        CONSTRAINT pk_notification_deliveries PRIMARY KEY (id),
        CONSTRAINT uq_notification_deliveries_notification_id_destination_id UNIQUE (notification_id, destination_id),
        CONSTRAINT fk_notification_deliveries_notification_id_notifications FOREIGN KEY(notification_id)
            REFERENCES notifications (id) ON DELETE CASCADE,
        CONSTRAINT fk_notification_deliveries_destination FOREIGN KEY(destination_id)
            REFERENCES notification_destinations (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_notification_deliveries_due ON notification_deliveries (due_at) WHERE status = 'pending'",
)
