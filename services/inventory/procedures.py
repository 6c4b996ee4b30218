"""What is done with stock, each deed a function of the database: one call, one transaction, one way there and back.

Each may run twice, at once or after its answer was lost: what an order's row says was done is not done again. All lock
the rows of orders first and those of stock after, both by key (see `schema`).
"""

from typing import Final

PAST: Final = """
CREATE OR REPLACE FUNCTION inventory.past(of_order text)
RETURNS TABLE (store_id text, items jsonb, status text) LANGUAGE sql STABLE AS $$
    SELECT min(entry.store_id),
        jsonb_agg(
            jsonb_build_object('item_id', entry.item_id, 'quantity', -entry.quantity) ORDER BY entry.item_id COLLATE "C"
        ) FILTER (WHERE entry.kind = 'take'),
        CASE WHEN bool_or(entry.kind = 'release') THEN 'released' ELSE 'taken' END
    FROM inventory.stock_entries AS entry
    WHERE entry.order_id = of_order AND entry.kind IN ('take', 'release')
    GROUP BY entry.order_id
$$;
"""
"""What an order's entries say of it, as its row did before that was purged; no row for one without entries.

Items are in the order of their characters, as `domain.merged` has them, whatever the database's collation is."""

RESERVE: Final = """
CREATE OR REPLACE FUNCTION inventory.reserve(
    for_order text, at_store text, wanted jsonb, hold interval,
    OUT outcome text, OUT ends_at timestamptz, OUT lacking text[]
) LANGUAGE plpgsql AS $$
DECLARE
    known inventory.reservations;
    one record;
BEGIN
    LOOP
        INSERT INTO inventory.reservations (order_id, store_id, items, status, expires_at)
        SELECT for_order, coalesce(past.store_id, at_store), coalesce(past.items, wanted),
            coalesce(past.status, 'held'), CASE WHEN past.status IS NULL THEN now() + hold END
        FROM (SELECT) AS it LEFT JOIN inventory.past(for_order) AS past ON true
        ON CONFLICT DO NOTHING RETURNING status, expires_at INTO outcome, ends_at;
        EXIT WHEN FOUND AND outcome = 'held';
        SELECT * INTO known FROM inventory.reservations WHERE order_id = for_order FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        outcome := known.status;
        ends_at := known.expires_at;
        IF known.status <> 'released' AND (known.store_id, known.items) <> (at_store, wanted) THEN
            outcome := 'conflict';
        ELSIF known.status = 'held' AND known.expires_at < now() THEN
            UPDATE inventory.reservations SET expires_at = now() + hold
            WHERE order_id = for_order RETURNING expires_at INTO ends_at;
        END IF;
        RETURN;
    END LOOP;
    outcome := 'new';
    FOR one IN SELECT * FROM jsonb_to_recordset(wanted) AS line (item_id text, quantity bigint) ORDER BY item_id LOOP
        UPDATE inventory.stock SET available = available - one.quantity, reserved = reserved + one.quantity
        WHERE store_id = at_store AND item_id = one.item_id AND available >= one.quantity;
        IF NOT FOUND THEN
            lacking := lacking || one.item_id;
        END IF;
    END LOOP;
    IF lacking IS NOT NULL THEN
        outcome := 'short';
        UPDATE inventory.stock SET available = available + line.quantity, reserved = reserved - line.quantity
        FROM jsonb_to_recordset(wanted) AS line (item_id text, quantity bigint)
        WHERE stock.store_id = at_store AND stock.item_id = line.item_id AND line.item_id <> ALL (lacking);
        DELETE FROM inventory.reservations WHERE order_id = for_order;
    END IF;
END $$;
"""
"""`outcome`: new, or short of `lacking`; held, taken or released if the order was known, conflict if with other items.

A hold whose time is over but which nobody has ended yet begins anew. Where something is short, what was moved of the
rest moves back: the rows are still locked, so nobody has seen it.
"""

TAKE: Final = """
CREATE OR REPLACE FUNCTION inventory.take(wanted jsonb)
RETURNS TABLE (of_order text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    INSERT INTO inventory.reservations (order_id, store_id, items, status)
    SELECT order_id, coalesce(past.store_id, demand.store_id), coalesce(past.items, demand.items),
        coalesce(past.status, 'held')
    FROM jsonb_to_recordset(wanted) AS demand (order_id text, store_id text, items jsonb)
    LEFT JOIN inventory.past(demand.order_id) AS past ON true
    ORDER BY order_id ON CONFLICT DO NOTHING;
    PERFORM FROM inventory.reservations
    WHERE order_id IN (SELECT demand.order_id FROM jsonb_to_recordset(wanted) AS demand (order_id text))
    ORDER BY order_id FOR UPDATE;
    PERFORM FROM inventory.stock
    WHERE (store_id, item_id) IN (
        SELECT demand.store_id, line.item_id
        FROM jsonb_to_recordset(wanted) AS demand (order_id text, store_id text, items jsonb)
        JOIN inventory.reservations AS known ON known.order_id = demand.order_id AND known.status = 'held',
        jsonb_to_recordset(demand.items) AS line (item_id text, quantity bigint)
    )
    ORDER BY store_id, item_id FOR UPDATE;
    FOR one IN
        SELECT demand.*, known.status, known.expires_at IS NULL AS is_fresh,
            (known.store_id, known.items) = (demand.store_id, demand.items) AS is_same
        FROM jsonb_to_recordset(wanted) AS demand (order_id text, store_id text, items jsonb)
        LEFT JOIN inventory.reservations AS known ON known.order_id = demand.order_id
    LOOP
        of_order := one.order_id;
        outcome := CASE
            WHEN one.status IS NULL THEN 'again'
            WHEN one.status = 'released' THEN 'released'
            WHEN NOT one.is_same THEN 'conflict'
            ELSE 'taken'
        END;
        IF outcome = 'taken' AND one.status = 'held' THEN
            IF one.is_fresh AND EXISTS (
                SELECT FROM jsonb_to_recordset(one.items) AS line (item_id text, quantity bigint)
                LEFT JOIN inventory.stock ON stock.store_id = one.store_id AND stock.item_id = line.item_id
                WHERE line.quantity > coalesce(stock.available, 0)
            ) THEN
                outcome := 'short';
                DELETE FROM inventory.reservations WHERE order_id = one.order_id;
            ELSE
                UPDATE inventory.stock SET
                    available = available - CASE WHEN one.is_fresh THEN line.quantity ELSE 0 END,
                    reserved = reserved - CASE WHEN one.is_fresh THEN 0 ELSE line.quantity END
                FROM jsonb_to_recordset(one.items) AS line (item_id text, quantity bigint)
                WHERE stock.store_id = one.store_id AND stock.item_id = line.item_id;
                UPDATE inventory.reservations SET status = 'taken', expires_at = NULL, changed_at = now()
                WHERE order_id = one.order_id;
                INSERT INTO inventory.stock_entries (order_id, kind, store_id, item_id, quantity)
                SELECT one.order_id, 'take', one.store_id, line.item_id, -line.quantity
                FROM jsonb_to_recordset(one.items) AS line (item_id text, quantity bigint);
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
"""
"""`outcome` of each order: taken, short, released, conflict; again where its hold ended at this very moment.

An order without a row gets one first, held without an end: nobody else ever sees that state. It is taken from what
is to be had, all its items or none; one that was held takes what was kept for it.
"""

RELEASE: Final = """
CREATE OR REPLACE FUNCTION inventory.release(for_order text, OUT outcome text, OUT at_store text)
LANGUAGE plpgsql AS $$
DECLARE
    known inventory.reservations;
    one record;
BEGIN
    LOOP
        INSERT INTO inventory.reservations (order_id, store_id, items, status)
        SELECT for_order, past.store_id, coalesce(past.items, '[]'), coalesce(past.status, 'released')
        FROM (SELECT) AS it LEFT JOIN inventory.past(for_order) AS past ON true
        ON CONFLICT DO NOTHING RETURNING status INTO outcome;
        IF FOUND AND outcome = 'released' THEN
            outcome := 'none';
            RETURN;
        END IF;
        SELECT * INTO known FROM inventory.reservations WHERE order_id = for_order FOR UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    outcome := known.status;
    at_store := known.store_id;
    IF outcome = 'released' THEN
        RETURN;
    END IF;
    FOR one IN
        SELECT * FROM jsonb_to_recordset(known.items) AS line (item_id text, quantity bigint) ORDER BY item_id
    LOOP
        UPDATE inventory.stock SET
            available = available + one.quantity,
            reserved = reserved - CASE outcome WHEN 'held' THEN one.quantity ELSE 0 END
        WHERE store_id = at_store AND item_id = one.item_id;
    END LOOP;
    IF outcome = 'taken' THEN
        INSERT INTO inventory.stock_entries (order_id, kind, store_id, item_id, quantity)
        SELECT for_order, 'release', at_store, line.item_id, line.quantity
        FROM jsonb_to_recordset(known.items) AS line (item_id text, quantity bigint);
    END IF;
    UPDATE inventory.reservations SET status = 'released', expires_at = NULL, changed_at = now()
    WHERE order_id = for_order;
END $$;
"""
"""`outcome`: what the order was before: none, held, taken or released. An order that is not known is released as well:
its reservation may still be under way."""

END_HOLDS: Final = """
CREATE OR REPLACE FUNCTION inventory.end_holds(most bigint)
RETURNS TABLE (of_order text, at_store text) LANGUAGE plpgsql AS $$
DECLARE
    ended jsonb;
    one record;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT order_id FROM inventory.reservations WHERE status = 'held' AND expires_at < now()
        ORDER BY expires_at LIMIT most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM inventory.reservations AS hold USING due WHERE hold.order_id = due.order_id
        RETURNING hold.order_id, hold.store_id, hold.items
    )
    SELECT jsonb_agg(gone) INTO ended FROM gone;
    FOR one IN
        SELECT hold.store_id, line.item_id, sum(line.quantity) AS quantity
        FROM jsonb_to_recordset(ended) AS hold (store_id text, items jsonb),
            jsonb_to_recordset(hold.items) AS line (item_id text, quantity bigint)
        GROUP BY hold.store_id, line.item_id ORDER BY hold.store_id, line.item_id
    LOOP
        UPDATE inventory.stock SET available = available + one.quantity, reserved = reserved - one.quantity
        WHERE store_id = one.store_id AND item_id = one.item_id;
    END LOOP;
    RETURN QUERY SELECT order_id, store_id FROM jsonb_to_recordset(ended) AS hold (order_id text, store_id text);
END $$;
"""
"""The holds that are over, at most so many, each ended by whoever locks it first; others pass over it."""

PURGE: Final = """
CREATE OR REPLACE FUNCTION inventory.purge(kept interval, most bigint) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS MATERIALIZED (
        SELECT order_id FROM inventory.reservations WHERE status <> 'held' AND changed_at < now() - kept
        ORDER BY changed_at LIMIT most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM inventory.reservations AS known USING old WHERE known.order_id = old.order_id
        RETURNING known.order_id
    )
    SELECT count(*) FROM gone
$$;
"""
"""How many rows of orders that were taken or released longer ago than `kept` are gone now, at most so many.

What was taken is known from its entries for good, and its row is made again where it is asked for; of an order that was
released without having taken anything nothing is left.
"""

RESTOCK: Final = """
CREATE OR REPLACE FUNCTION inventory.restock(delivery_key text, at_store text, delivered jsonb, OUT outcome text)
LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    INSERT INTO inventory.restocks (key, store_id, items) VALUES (delivery_key, at_store, delivered)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT CASE WHEN (store_id, items) = (at_store, delivered) THEN 'known' ELSE 'conflict' END INTO outcome
        FROM inventory.restocks WHERE key = delivery_key;
        RETURN;
    END IF;
    outcome := 'new';
    FOR one IN SELECT * FROM jsonb_to_recordset(delivered) AS line (item_id text, quantity bigint) ORDER BY item_id LOOP
        UPDATE inventory.stock SET available = available + one.quantity
        WHERE store_id = at_store AND item_id = one.item_id;
        INSERT INTO inventory.stock_entries (order_id, kind, store_id, item_id, quantity)
        VALUES ('restock:' || delivery_key, 'restock', at_store, one.item_id, one.quantity);
    END LOOP;
END $$;
"""
"""`outcome`: new; known if the key was booked before, conflict if for another delivery."""

ALL: Final = (PAST, RESERVE, TAKE, RELEASE, END_HOLDS, PURGE, RESTOCK)
