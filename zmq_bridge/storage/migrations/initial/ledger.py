"""The rules of the books that the database itself keeps: the chain, the sums, the lots, and that rows only grow."""

from zmq_bridge.storage.migrations.initial.append_only import append_only
from zmq_bridge.storage.migrations.initial.ledger_tables import TABLES

CHAIN = (
    """
    CREATE FUNCTION ledger_extend_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        UPDATE ledger_heads SET hash = NEW.hash, transactions = transactions + 1
        WHERE account_id = NEW.account_id AND hash = NEW.prev_hash;
        IF FOUND THEN
            RETURN NEW;
        END IF;
        IF NEW.prev_hash = repeat('0', 64) THEN
            INSERT INTO ledger_heads (account_id, hash, transactions) VALUES (NEW.account_id, NEW.hash, 1)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'LEDGER_CHAIN: % of account %: expected prev_hash to be the newest hash, found %',
            NEW.cause, NEW.account_id, NEW.prev_hash
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER ledger_transactions_extend_chain BEFORE INSERT ON ledger_transactions
        FOR EACH ROW EXECUTE FUNCTION ledger_extend_chain()
    """,
)

BALANCES = (
    """
    CREATE FUNCTION ledger_add_balances() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        UPDATE ledger_accounts SET balance = ledger_accounts.balance + moved.amount
        FROM (SELECT ledger_account_id, sum(amount) AS amount FROM added GROUP BY ledger_account_id) AS moved
        WHERE ledger_accounts.id = moved.ledger_account_id;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER ledger_entries_add_balances AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_balances()
    """,
    """
    CREATE FUNCTION ledger_check_sum() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE wrong record;
    BEGIN
        SELECT currency, sum(amount) AS left_over INTO wrong FROM ledger_entries
        WHERE transaction_id = NEW.transaction_id GROUP BY currency HAVING sum(amount) <> 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'LEDGER_UNBALANCED: transaction %: expected the % entries to sum to 0, found %',
                NEW.transaction_id, wrong.currency, wrong.left_over
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER ledger_entries_sum_to_zero AFTER INSERT ON ledger_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_sum()
    """,
)

LOTS = (
    """
    CREATE FUNCTION ledger_change_lot() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE mine ledger_lots%ROWTYPE;
    BEGIN
        SELECT * INTO mine FROM ledger_lots WHERE account_id = NEW.account_id AND lot = NEW.lot FOR UPDATE;
        IF NOT FOUND THEN
            INSERT INTO ledger_lots (account_id, lot, user_id, opened, units, units_bought, cost, mark_nav, mark_units)
            VALUES (NEW.account_id, NEW.lot, NEW.user_id, NEW.id, NEW.units, NEW.units, NEW.cash, NEW.mark_nav,
                NEW.mark_units);
            RETURN NULL;
        END IF;
        IF NEW.user_id <> mine.user_id OR NEW.mark_nav * mine.mark_units < mine.mark_nav * NEW.mark_units THEN
            RAISE EXCEPTION 'LEDGER_LOT: lot %: expected member % and a mark of at least %/%, found % and %/%',
                NEW.lot, mine.user_id, mine.mark_nav, mine.mark_units, NEW.user_id, NEW.mark_nav, NEW.mark_units
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        UPDATE ledger_lots SET units = units + NEW.units, mark_nav = coalesce(NEW.mark_nav, mark_nav),
            mark_units = coalesce(NEW.mark_units, mark_units)
        WHERE account_id = NEW.account_id AND lot = NEW.lot;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER ledger_lot_changes_change_lot AFTER INSERT ON ledger_lot_changes
        FOR EACH ROW EXECUTE FUNCTION ledger_change_lot()
    """,
)

GUARDS = ("ledger_extend_chain", "ledger_add_balances", "ledger_check_sum", "ledger_change_lot")

# They work with the owner's rights. So they look into this schema only (a temporary table of the same name would come
# first otherwise), and nobody may hang them on a table of their own.
GUARDED = f"""
    DO $$
    DECLARE guard text;
    BEGIN
        FOREACH guard IN ARRAY ARRAY[{", ".join(f"'{name}'" for name in GUARDS)}] LOOP
            EXECUTE format('ALTER FUNCTION %I.%I() SET search_path = %I, pg_temp', current_schema(), guard,
                current_schema());
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %I.%I() FROM PUBLIC', current_schema(), guard);
        END LOOP;
    END
    $$
    """

APPEND_ONLY = ("ledger_transactions", "ledger_entries", "ledger_lot_changes", "ledger_terms", "ledger_prices")
NEVER_DELETED = ("ledger_suspense", "ledger_reconciliations", "ledger_breaks", "subscriptions", "redemptions")
KEPT_BY_TRIGGERS = ("ledger_heads", "ledger_lots")  # an application reads them

STATEMENTS = (
    *TABLES,
    *CHAIN,
    *BALANCES,
    *LOTS,
    GUARDED,
    *(statement for table in APPEND_ONLY for statement in append_only(table)),
)
