-- The postgres tables of the graph `receipts`, made from code: do not edit.
-- Refresh: cargo xtask schema --write

-- The catalog, which all graphs of a database share.
CREATE SCHEMA IF NOT EXISTS "deltaview";
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_catalog" (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "role" text NOT NULL,
  "table_name" text NOT NULL UNIQUE,
  "fingerprint" text NOT NULL,
  "description" text NOT NULL,
  "format_version" bigint NOT NULL,
  PRIMARY KEY ("graph", "vertex", "role")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_last_update" (
  "graph" text NOT NULL,
  "table_name" text NOT NULL,
  "t" bigint NOT NULL,
  PRIMARY KEY ("graph", "table_name")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_clock" (
  "graph" text NOT NULL PRIMARY KEY,
  "t" bigint NOT NULL,
  "complete" bigint NOT NULL,
  "format_version" bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_commits" (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "id" uuid NOT NULL,
  "at" timestamp with time zone NOT NULL,
  PRIMARY KEY ("graph", "t")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_cursors" (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "name" text NOT NULL,
  "t" bigint NOT NULL,
  "until" timestamp with time zone,
  PRIMARY KEY ("graph", "vertex", "name")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_feed" (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "t" bigint NOT NULL,
  "part" bigint NOT NULL,
  "rows" bytea NOT NULL,
  PRIMARY KEY ("graph", "vertex", "t", "part")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_times" (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "flush" text NOT NULL,
  "journaled" boolean NOT NULL,
  "passed" bigint NOT NULL,
  "holder" text NOT NULL,
  "epoch" bigint NOT NULL,
  "rewound_from" bigint,
  "since" bigint NOT NULL,
  "lease_until" bigint,
  "change_id" text NOT NULL,
  "state" text NOT NULL,
  "vertex" text,
  "message" text,
  PRIMARY KEY ("graph", "t")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_journal" (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "stage" bigint NOT NULL,
  "n" bigint NOT NULL,
  "part" bigint NOT NULL,
  "kind" text NOT NULL,
  "name" text NOT NULL,
  "rows" bytea NOT NULL,
  PRIMARY KEY ("graph", "t", "stage", "n", "part")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_changes" (
  "graph" text NOT NULL,
  "change_id" text NOT NULL,
  "t" bigint NOT NULL,
  "at" timestamp with time zone NOT NULL,
  PRIMARY KEY ("graph", "change_id")
);
CREATE INDEX IF NOT EXISTS "deltaview_changes__t" ON "deltaview"."deltaview_changes" ("graph", "t");

-- The graph `receipts`.
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_instants" (
  "graph" text NOT NULL,
  "t" bigint NOT NULL,
  "at" bigint NOT NULL,
  "n" bigint NOT NULL,
  PRIMARY KEY ("graph", "t")
);
CREATE INDEX IF NOT EXISTS "deltaview_instants__at" ON "deltaview"."deltaview_instants" ("graph", "at", "t");
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_history" (
  "graph" text NOT NULL,
  "table_name" text NOT NULL,
  "horizon" bigint NOT NULL,
  PRIMARY KEY ("graph", "table_name")
);
CREATE TABLE IF NOT EXISTS "deltaview"."deltaview_past_cursors" (
  "graph" text NOT NULL,
  "vertex" text NOT NULL,
  "name" text NOT NULL,
  "up_to" bigint NOT NULL,
  PRIMARY KEY ("graph", "vertex", "name")
);
CREATE TABLE "deltaview"."receipts__products__by_name" (
  "ixd__name__name" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "receipts__products__by_name__key" ON "deltaview"."receipts__products__by_name" ("ixd__name__name", "identity");
CREATE TABLE "deltaview"."receipts__line_items__by_product_name" (
  "ixd__product_name__product_name" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "receipts__line_items__by_product_name__key" ON "deltaview"."receipts__line_items__by_product_name" ("ixd__product_name__product_name", "identity");
CREATE TABLE "deltaview"."receipts__products_join_line_items_sum_by_basket_id__groups" (
  "ixd__key__key" bigint NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "receipts__products_join_line_items_sum_by_basket_id__g_1e312082" ON "deltaview"."receipts__products_join_line_items_sum_by_basket_id__groups" ("ixd__key__key");
CREATE TABLE "deltaview"."receipts__receipts__view" (
  "ixd__basket_id__basket_id" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "since" bigint NOT NULL
);
CREATE UNIQUE INDEX "receipts__receipts__view__key" ON "deltaview"."receipts__receipts__view" ("ixd__basket_id__basket_id", "identity");
CREATE TABLE "deltaview"."receipts__receipts__view__versions" (
  "ixd__basket_id__basket_id" bigint NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "c" bigint NOT NULL,
  "node" bigint NOT NULL
);
CREATE UNIQUE INDEX "receipts__receipts__view__versions__key" ON "deltaview"."receipts__receipts__view__versions" ("ixd__basket_id__basket_id", "until", "identity");
CREATE INDEX "receipts__receipts__view__versions__node" ON "deltaview"."receipts__receipts__view__versions" ("node", "ixd__basket_id__basket_id", "until");
CREATE TABLE "deltaview"."receipts__receipts__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "receipts__receipts__view__rows__key" ON "deltaview"."receipts__receipts__view__rows" ("identity");
CREATE TABLE "deltaview"."receipts__receipts__view__log" (
  "t" bigint NOT NULL,
  "ixd__basket_id__basket_id" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "receipts__receipts__view__log__t" ON "deltaview"."receipts__receipts__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'receipts', E'receipts__receipts__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'receipts', E'products', E'by_name', E'receipts__products__by_name', E'b49535e8e45677d264fcab9946c7a97a', E'row	Product
row.name	String
row.price	i64
index name	the primary index
index name.name	column 1 (text ascending)
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'receipts', E'receipts__products__by_name', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'receipts', E'line_items', E'by_product_name', E'receipts__line_items__by_product_name', E'1a642ca2ab6ab3a444fcf2e219deb595', E'row	LineItem
row.basket_id	u32
row.product_name	String
row.qty	i64
index product_name	the primary index
index product_name.product_name	column 1 (text ascending)
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'receipts', E'receipts__line_items__by_product_name', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'receipts', E'products_join_line_items_sum_by_basket_id', E'groups', E'receipts__products_join_line_items_sum_by_basket_id__groups', E'bf9908ddb3fd03545cf9620574a2e97a', E'row	Keyed
row.key	u32
row.value	tuple of 2
row.value.0	i64
row.value.1	i64
index key	the primary index
index key.key	column 1 (integer ascending)
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'receipts', E'receipts__products_join_line_items_sum_by_basket_id__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'receipts', E'receipts', E'view', E'receipts__receipts__view', E'1798f5ab5e479c828d4f8e0355801051', E'row	Receipt
row.basket_id	u32
row.text	String
index basket_id	the primary index
index basket_id.basket_id	column 1 (integer ascending)
rows	any number of rows a key
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'receipts', E'receipts__receipts__view', 0);
INSERT INTO "deltaview"."deltaview_clock" ("graph", "t", "complete", "format_version") VALUES (E'receipts', 0, 0, 3);
