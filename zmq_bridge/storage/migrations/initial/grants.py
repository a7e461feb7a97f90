"""What a role of the application may do: everything it needs, and never a change of what is append-only.

`zmq_bridge_grant('role')` grants it; an operator calls it for a role of their own. The migration calls it for
`zmq_bridge_app`, which it makes where it may; where it may not (a plain owner), the triggers still refuse every change.
"""

from zmq_bridge.storage.migrations.initial.ledger import APPEND_ONLY, KEPT_BY_TRIGGERS, NEVER_DELETED

_ONLY_ADDED = ", ".join((*APPEND_ONLY, "audit_log", "signals", "risk_decisions"))
_NEVER_DELETED = ", ".join(NEVER_DELETED)
_ONLY_READ = ", ".join(KEPT_BY_TRIGGERS)

STATEMENTS = (
    f"""
    CREATE FUNCTION zmq_bridge_grant(role_name name) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE here name := current_schema;
    BEGIN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', here, role_name);
        EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', here, role_name);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, role_name);
        EXECUTE format('REVOKE UPDATE, DELETE ON {_ONLY_ADDED} FROM %I', role_name);
        EXECUTE format('REVOKE DELETE ON {_NEVER_DELETED} FROM %I', role_name);
        EXECUTE format('REVOKE UPDATE ON ledger_suspense FROM %I', role_name);
        EXECUTE format('GRANT UPDATE (request, settled_by, reversals) ON ledger_suspense TO %I', role_name);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON {_ONLY_READ} FROM %I', role_name);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON ledger_accounts FROM %I', role_name);
        EXECUTE format('GRANT INSERT (account_id, kind, user_id, currency) ON ledger_accounts TO %I', role_name);
    END
    $$
    """,
    """
    DO $$
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'zmq_bridge_app') THEN
            CREATE ROLE zmq_bridge_app NOLOGIN;
        END IF;
        PERFORM zmq_bridge_grant('zmq_bridge_app');
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN PERFORM zmq_bridge_grant('zmq_bridge_app');
        WHEN insufficient_privilege THEN RAISE NOTICE 'no role zmq_bridge_app: this user may not make roles';
    END
    $$
    """,
)
