-- The sqlite tables of the graph `receipts`, made from code: do not edit.
-- Refresh: cargo xtask schema --write

-- The catalog, which all graphs of a database share.
CREATE TABLE IF NOT EXISTS "deltaview_catalog" (
  "graph" TEXT NOT NULL,
  "vertex" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "table_name" TEXT NOT NULL UNIQUE,
  "fingerprint" TEXT NOT NULL,
  "description" TEXT NOT NULL,
  "format_version" INTEGER NOT NULL,
  PRIMARY KEY ("graph", "vertex", "role")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_written" (
  "graph" TEXT NOT NULL,
  "table_name" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  PRIMARY KEY ("graph", "table_name")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_clock" (
  "graph" TEXT NOT NULL PRIMARY KEY,
  "t" INTEGER NOT NULL,
  "complete" INTEGER NOT NULL,
  "format_version" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_cursors" (
  "graph" TEXT NOT NULL,
  "vertex" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "until" INTEGER,
  PRIMARY KEY ("graph", "vertex", "name")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_feed" (
  "graph" TEXT NOT NULL,
  "vertex" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "part" INTEGER NOT NULL,
  "rows" BLOB NOT NULL,
  PRIMARY KEY ("graph", "vertex", "t", "part")
) STRICT;
CREATE TABLE IF NOT EXISTS "deltaview_times" (
  "graph" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "flush" TEXT NOT NULL,
  "journaled" INTEGER NOT NULL,
  "passed" INTEGER NOT NULL,
  "holder" TEXT NOT NULL,
  "epoch" INTEGER NOT NULL,
  "rewound_from" INTEGER,
  "since" INTEGER NOT NULL,
  "lease_until" INTEGER,
  "change_id" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "vertex" TEXT,
  "message" TEXT,
  PRIMARY KEY ("graph", "t")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_journal" (
  "graph" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "stage" INTEGER NOT NULL,
  "n" INTEGER NOT NULL,
  "kind" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "rows" BLOB NOT NULL,
  PRIMARY KEY ("graph", "t", "stage", "n")
) STRICT;
CREATE TABLE IF NOT EXISTS "deltaview_changes" (
  "graph" TEXT NOT NULL,
  "change_id" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "at" INTEGER NOT NULL,
  PRIMARY KEY ("graph", "change_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "deltaview_changes__t" ON "deltaview_changes" ("graph", "t");
CREATE VIEW IF NOT EXISTS "deltaview_last_update" AS
  SELECT "graph", "table_name", max("deltaview_written"."t", "complete") AS "t"
  FROM "deltaview_written" JOIN "deltaview_clock" USING ("graph");

-- The graph `receipts`.
CREATE TABLE "receipts__products__by_name" (
  "ixd__name__name" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__name__name", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "receipts__line_items__by_product_name" (
  "ixd__product_name__product_name" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__product_name__product_name", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "receipts__products_join_line_items_sum_by_basket_id__groups" (
  "ixd__key__key" INTEGER NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key")
) STRICT, WITHOUT ROWID;
CREATE TABLE "receipts__receipts__view" (
  "ixd__basket_id__basket_id" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "since" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__basket_id__basket_id", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_instants" (
  "graph" TEXT NOT NULL,
  "t" INTEGER NOT NULL,
  "at" INTEGER NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("graph", "t")
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "deltaview_history" (
  "graph" TEXT NOT NULL,
  "table_name" TEXT NOT NULL,
  "horizon" INTEGER NOT NULL,
  "filed" INTEGER NOT NULL,
  PRIMARY KEY ("graph", "table_name")
) STRICT, WITHOUT ROWID;
CREATE TABLE "receipts__receipts__view__versions" (
  "ixd__basket_id__basket_id" INTEGER NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__basket_id__basket_id", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "receipts__receipts__view__versions__ix__basket_id" ON "receipts__receipts__view__versions" ("node", "ixd__basket_id__basket_id", "until", "identity", "since", "c");
CREATE TABLE "receipts__receipts__view__rows" (
  "ixd__basket_id__basket_id" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__basket_id__basket_id", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "receipts__receipts__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__basket_id__basket_id" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__basket_id__basket_id", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('receipts', 'receipts__receipts__view', 0, 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'receipts',
  'products',
  'by_name',
  'receipts__products__by_name',
  'b49535e8e45677d264fcab9946c7a97a',
  'row	Product
row.name	String
row.price	i64
index name	the primary index
index name.name	column 1 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('receipts', 'receipts__products__by_name', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'receipts',
  'line_items',
  'by_product_name',
  'receipts__line_items__by_product_name',
  '1a642ca2ab6ab3a444fcf2e219deb595',
  'row	LineItem
row.basket_id	u32
row.product_name	String
row.qty	i64
index product_name	the primary index
index product_name.product_name	column 1 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('receipts', 'receipts__line_items__by_product_name', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'receipts',
  'products_join_line_items_sum_by_basket_id',
  'groups',
  'receipts__products_join_line_items_sum_by_basket_id__groups',
  'bf9908ddb3fd03545cf9620574a2e97a',
  'row	Keyed
row.key	u32
row.value	tuple of 2
row.value.0	i64
row.value.1	i64
index key	the primary index
index key.key	column 1 (integer ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('receipts', 'receipts__products_join_line_items_sum_by_basket_id__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'receipts',
  'receipts',
  'view',
  'receipts__receipts__view',
  '1798f5ab5e479c828d4f8e0355801051',
  'row	Receipt
row.basket_id	u32
row.text	String
index basket_id	the primary index
index basket_id.basket_id	column 1 (integer ascending)
rows	any number of rows a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('receipts', 'receipts__receipts__view', 0);
INSERT INTO "deltaview_clock" ("graph", "t", "complete", "format_version") VALUES ('receipts', 0, 0, 3);
