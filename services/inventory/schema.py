"""The tables of stock in Aurora, and what they begin with.

    stock           a row for every item of every store: pieces to sell, pieces promised
    reservations    a row for every order that holds stock, has taken it, or was released; an ended hold leaves none,
                    and what was taken or released is purged some days after (`changed_at`: when it became what it is)
    stock_entries   what came and went, written once and never changed: the sum of an item's entries is what there is
    restocks        the deliveries that were booked, by their key

    available + reserved = the sum of the entries          for every item of every store, after every transaction

`items` of a reservation are the order's lines by item, each item once. Rows are always locked in one order, those of
reservations before those of stock, each by their key: no two transactions can wait for each other.
"""

from typing import Final

SCHEMA_LOCK: Final = 7_310_746

TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS inventory;
CREATE TABLE IF NOT EXISTS inventory.stock (
    store_id text,
    item_id text,
    available bigint NOT NULL CHECK (available >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (store_id, item_id)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS inventory.reservations (
    order_id text PRIMARY KEY,
    store_id text,
    items jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('held', 'taken', 'released')),
    expires_at timestamptz
) WITH (fillfactor = 70);
ALTER TABLE inventory.reservations ADD COLUMN IF NOT EXISTS changed_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX IF NOT EXISTS holds_by_end ON inventory.reservations (expires_at) WHERE status = 'held';
CREATE INDEX IF NOT EXISTS ended_by_time ON inventory.reservations (changed_at) WHERE status <> 'held';
CREATE TABLE IF NOT EXISTS inventory.stock_entries (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    order_id text,
    kind text CHECK (kind IN ('take', 'release', 'restock', 'seed')),
    store_id text,
    item_id text,
    quantity bigint NOT NULL,
    PRIMARY KEY (order_id, kind, store_id, item_id)
);
CREATE TABLE IF NOT EXISTS inventory.restocks (
    key text PRIMARY KEY,
    store_id text NOT NULL,
    items jsonb NOT NULL
);
"""
"""`fillfactor` leaves room beside a row for its next version, so that no index has to follow it. Rows of a release that
did not purge count from the day on which they get their `changed_at`."""

SEEDING: Final = """
WITH made AS (
    INSERT INTO inventory.stock (store_id, item_id, available)
    SELECT store_id, item_id, %(pieces)s::bigint
    FROM unnest(%(stores)s::text[]) AS store (store_id) CROSS JOIN unnest(%(items)s::text[]) AS item (item_id)
    WHERE (store_id, item_id) NOT IN (SELECT store_id, item_id FROM inventory.stock)
    RETURNING store_id, item_id, available
)
INSERT INTO inventory.stock_entries (order_id, kind, store_id, item_id, quantity)
SELECT 'seed', 'seed', store_id, item_id, available FROM made
"""
"""Every item of every store that is not there yet; whoever runs it has the schema's lock."""
