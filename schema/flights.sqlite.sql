-- The sqlite tables of the graph `flights`, made from code: do not edit.
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

-- The graph `flights`.
CREATE TABLE "flights__airlines__by_carrier" (
  "ixd__carrier__carrier" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__carrier__carrier")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__airports__by_faa" (
  "ixd__faa__faa" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__faa__faa")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__planes__by_tailnum" (
  "ixd__tailnum__tailnum" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__tailnum__tailnum")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__files_loaded__view" (
  "ixd__table__table" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__table__table")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__days_amended__view" (
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "data" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__month", "ixd__day__day")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_carrier_and_day__groups" (
  "ixd__key__key_0" TEXT NOT NULL,
  "ixd__key__key_1" INTEGER NOT NULL,
  "ixd__key__key_2" INTEGER NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key_0", "ixd__key__key_1", "ixd__key__key_2")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_carrier_and_day__by_carrier" (
  "ixd__carrier__key" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__carrier__key", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_carrier_and_day_join_airlines_sum_by_key__groups" (
  "ixd__key__key_0" TEXT NOT NULL,
  "ixd__key__key_1" INTEGER NOT NULL,
  "ixd__key__key_2" INTEGER NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key_0", "ixd__key__key_1", "ixd__key__key_2")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__carrier_days__view" (
  "ixd__day__carrier" TEXT NOT NULL,
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "since" INTEGER NOT NULL,
  "ixd__delay_minutes__delay_minutes" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__carrier", "ixd__day__month", "ixd__day__day", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__carrier_days__view__ix__delay_minutes" ON "flights__carrier_days__view" ("ixd__delay_minutes__delay_minutes" DESC, "ixd__day__carrier", "ixd__day__month", "ixd__day__day", "identity");
CREATE TABLE "flights__flights_sum_by_route__groups" (
  "ixd__key__key_0" TEXT NOT NULL,
  "ixd__key__key_1" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key_0", "ixd__key__key_1")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_route_map__by_origin" (
  "ixd__origin__origin" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__origin__origin", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_route_map_join_airports_plus_flights_sum_by_route_map_plus_flights_sum_by_route_map_join_airports_map_negate__by_dest" (
  "ixd__dest__dest" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__dest__dest", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__routes__view" (
  "ixd__pair__origin" TEXT NOT NULL,
  "ixd__pair__dest" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "since" INTEGER NOT NULL,
  "ixd__flights__flights" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__pair__origin", "ixd__pair__dest", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__routes__view__ix__flights" ON "flights__routes__view" ("ixd__flights__flights" DESC, "ixd__pair__origin", "ixd__pair__dest", "identity");
CREATE TABLE "flights__flights_sum_by_tailnum__groups" (
  "ixk__key__key" ANY NOT NULL,
  "ixd__key__key" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__key__key") WHEN 'text' THEN "ixk__key__key" END) VIRTUAL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixk__key__key")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_tailnum_map__by_tailnum" (
  "ixk__tailnum__tailnum" ANY NOT NULL,
  "ixd__tailnum__tailnum" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__tailnum__tailnum") WHEN 'text' THEN "ixk__tailnum__tailnum" END) VIRTUAL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__tailnum__tailnum", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__planes__by_some_tailnum" (
  "ixk__some_tailnum__key" ANY NOT NULL,
  "ixd__some_tailnum__key" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__some_tailnum__key") WHEN 'text' THEN "ixk__some_tailnum__key" END) VIRTUAL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__some_tailnum__key", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_tailnum_map_join_planes_plus_flights_sum_by_tailnum_map_plus_flights_sum_by_tailnum_map_join_planes_map_negate_sum_by_manufacturer__groups" (
  "ixk__key__key" ANY NOT NULL,
  "ixd__key__key" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__key__key") WHEN 'text' THEN "ixk__key__key" END) VIRTUAL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixk__key__key")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__manufacturers__view" (
  "ixk__manufacturer__manufacturer" ANY NOT NULL,
  "ixd__manufacturer__manufacturer" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__manufacturer__manufacturer") WHEN 'text' THEN "ixk__manufacturer__manufacturer" END) VIRTUAL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "since" INTEGER NOT NULL,
  "ixd__flights__flights" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__manufacturer__manufacturer", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__manufacturers__view__ix__flights" ON "flights__manufacturers__view" ("ixd__flights__flights" DESC, "ixk__manufacturer__manufacturer", "identity");
CREATE TABLE "flights__flights_sum_by_hour__groups" (
  "ixd__key__key_0" TEXT NOT NULL,
  "ixd__key__key_1" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key_0", "ixd__key__key_1")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_hour__by_key" (
  "ixd__key__key_0" TEXT NOT NULL,
  "ixd__key__key_1" TEXT NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key_0", "ixd__key__key_1")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__weather__by_hour" (
  "ixd__hour__origin" TEXT NOT NULL,
  "ixd__hour__time_hour" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__hour__origin", "ixd__hour__time_hour", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__flights_sum_by_hour_join_weather_sum_by_key__groups" (
  "ixd__key__key" INTEGER NOT NULL,
  "data" BLOB NOT NULL,
  PRIMARY KEY ("ixd__key__key")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__visibility__view" (
  "ixd__miles__miles" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB,
  "c" INTEGER NOT NULL,
  "since" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__miles__miles", "identity")
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
CREATE TABLE "flights__files_loaded__view__versions" (
  "ixd__table__table" TEXT NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__table__table", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__files_loaded__view__versions__ix__table" ON "flights__files_loaded__view__versions" ("node", "ixd__table__table", "until", "identity", "since", "c");
CREATE TABLE "flights__files_loaded__view__rows" (
  "ixd__table__table" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__table__table", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__files_loaded__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__table__table" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__table__table", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__files_loaded__view', 0, 0);
CREATE TABLE "flights__days_amended__view__versions" (
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__month", "ixd__day__day", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__days_amended__view__versions__ix__day" ON "flights__days_amended__view__versions" ("node", "ixd__day__month", "ixd__day__day", "until", "identity", "since", "c");
CREATE TABLE "flights__days_amended__view__rows" (
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__month", "ixd__day__day", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__days_amended__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__day__month", "ixd__day__day", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__days_amended__view', 0, 0);
CREATE TABLE "flights__carrier_days__view__versions" (
  "ixd__day__carrier" TEXT NOT NULL,
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  "ixd__delay_minutes__delay_minutes" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__carrier", "ixd__day__month", "ixd__day__day", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__carrier_days__view__versions__ix__day" ON "flights__carrier_days__view__versions" ("node", "ixd__day__carrier", "ixd__day__month", "ixd__day__day", "until", "identity", "since", "c");
CREATE INDEX "flights__carrier_days__view__versions__ix__delay_minutes" ON "flights__carrier_days__view__versions" ("node", "ixd__delay_minutes__delay_minutes" DESC, "ixd__day__carrier", "ixd__day__month", "ixd__day__day", "until", "identity", "since", "c");
CREATE TABLE "flights__carrier_days__view__rows" (
  "ixd__day__carrier" TEXT NOT NULL,
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__day__carrier", "ixd__day__month", "ixd__day__day", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__carrier_days__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__day__carrier" TEXT NOT NULL,
  "ixd__day__month" INTEGER NOT NULL,
  "ixd__day__day" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__day__carrier", "ixd__day__month", "ixd__day__day", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__carrier_days__view', 0, 0);
CREATE TABLE "flights__routes__view__versions" (
  "ixd__pair__origin" TEXT NOT NULL,
  "ixd__pair__dest" TEXT NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  "ixd__flights__flights" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__pair__origin", "ixd__pair__dest", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__routes__view__versions__ix__pair" ON "flights__routes__view__versions" ("node", "ixd__pair__origin", "ixd__pair__dest", "until", "identity", "since", "c");
CREATE INDEX "flights__routes__view__versions__ix__flights" ON "flights__routes__view__versions" ("node", "ixd__flights__flights" DESC, "ixd__pair__origin", "ixd__pair__dest", "until", "identity", "since", "c");
CREATE TABLE "flights__routes__view__rows" (
  "ixd__pair__origin" TEXT NOT NULL,
  "ixd__pair__dest" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__pair__origin", "ixd__pair__dest", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__routes__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__pair__origin" TEXT NOT NULL,
  "ixd__pair__dest" TEXT NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__pair__origin", "ixd__pair__dest", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__routes__view', 0, 0);
CREATE TABLE "flights__manufacturers__view__versions" (
  "ixk__manufacturer__manufacturer" ANY NOT NULL,
  "ixd__manufacturer__manufacturer" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__manufacturer__manufacturer") WHEN 'text' THEN "ixk__manufacturer__manufacturer" END) VIRTUAL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  "ixd__flights__flights" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__manufacturer__manufacturer", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__manufacturers__view__versions__ix__manufacturer" ON "flights__manufacturers__view__versions" ("node", "ixk__manufacturer__manufacturer", "until", "identity", "since", "c");
CREATE INDEX "flights__manufacturers__view__versions__ix__flights" ON "flights__manufacturers__view__versions" ("node", "ixd__flights__flights" DESC, "ixk__manufacturer__manufacturer", "until", "identity", "since", "c");
CREATE TABLE "flights__manufacturers__view__rows" (
  "ixk__manufacturer__manufacturer" ANY NOT NULL,
  "ixd__manufacturer__manufacturer" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__manufacturer__manufacturer") WHEN 'text' THEN "ixk__manufacturer__manufacturer" END) VIRTUAL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixk__manufacturer__manufacturer", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__manufacturers__view__log" (
  "t" INTEGER NOT NULL,
  "ixk__manufacturer__manufacturer" ANY NOT NULL,
  "ixd__manufacturer__manufacturer" TEXT GENERATED ALWAYS AS (CASE typeof("ixk__manufacturer__manufacturer") WHEN 'text' THEN "ixk__manufacturer__manufacturer" END) VIRTUAL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixk__manufacturer__manufacturer", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__manufacturers__view', 0, 0);
CREATE TABLE "flights__visibility__view__versions" (
  "ixd__miles__miles" INTEGER NOT NULL,
  "until" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "since" INTEGER NOT NULL,
  "c" INTEGER NOT NULL,
  "node" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__miles__miles", "until", "identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "flights__visibility__view__versions__ix__miles" ON "flights__visibility__view__versions" ("node", "ixd__miles__miles", "until", "identity", "since", "c");
CREATE TABLE "flights__visibility__view__rows" (
  "ixd__miles__miles" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "data" BLOB NOT NULL,
  "n" INTEGER NOT NULL,
  PRIMARY KEY ("ixd__miles__miles", "identity")
) STRICT, WITHOUT ROWID;
CREATE TABLE "flights__visibility__view__log" (
  "t" INTEGER NOT NULL,
  "ixd__miles__miles" INTEGER NOT NULL,
  "identity" BLOB NOT NULL,
  "w" INTEGER NOT NULL,
  "since" INTEGER,
  "c" INTEGER,
  PRIMARY KEY ("t", "ixd__miles__miles", "identity")
) STRICT, WITHOUT ROWID;
INSERT INTO "deltaview_history" ("graph", "table_name", "horizon", "filed") VALUES ('flights', 'flights__visibility__view', 0, 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'airlines',
  'by_carrier',
  'flights__airlines__by_carrier',
  '31eb0080f274fd405dafdd66ea27892d',
  'row	Airline
row.carrier	String
row.name	String
index carrier	the primary index
index carrier.carrier	column 1 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__airlines__by_carrier', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'airports',
  'by_faa',
  'flights__airports__by_faa',
  '308ae35d24a159c22b15860468a3250e',
  'row	Airport
row.faa	String
row.name	String
row.lat	f64
row.lon	f64
row.alt	i32
row.tz	i8
row.dst	char
row.tzone	Option<String>
index faa	the primary index
index faa.faa	column 1 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__airports__by_faa', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'planes',
  'by_tailnum',
  'flights__planes__by_tailnum',
  '79d6e623177de37939d04dc7cb52966d',
  'row	Plane
row.tailnum	String
row.year	Option<u16>
row.kind	String
row.manufacturer	String
row.model	String
row.engines	u8
row.seats	u16
row.speed	Option<u16>
row.engine	String
index tailnum	the primary index
index tailnum.tailnum	column 1 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__planes__by_tailnum', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'files_loaded',
  'view',
  'flights__files_loaded__view',
  '0b5ad176ed29aa1309604399cd8ec894',
  'row	Loaded
row.table	String
row.rows	u64
row.file_bytes	u64
index table	the primary index
index table.table	column 1 (text ascending)
rows	one row a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__files_loaded__view', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'days_amended',
  'view',
  'flights__days_amended__view',
  '2ab5aae2a089b6be5ef7bf5e6f23b126',
  'row	Amendment
row.month	u8
row.day	u8
row.carrier	String
row.new_name	String
index day	the primary index
index day.month	column 1 (integer ascending)
index day.day	column 2 (integer ascending)
rows	one row a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__days_amended__view', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_carrier_and_day',
  'groups',
  'flights__flights_sum_by_carrier_and_day__groups',
  'fc75818156af3e193788fe953e097486',
  'row	Keyed
row.key	tuple of 3
row.key.0	String
row.key.1	u8
row.key.2	u8
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 4
row.value.1.0	i64
row.value.1.1	i64
row.value.1.2	i64
row.value.1.3	i64
index key	the primary index
index key.key_0	column 1 (text ascending)
index key.key_1	column 2 (integer ascending)
index key.key_2	column 3 (integer ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_carrier_and_day__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_carrier_and_day',
  'by_carrier',
  'flights__flights_sum_by_carrier_and_day__by_carrier',
  '70b2bb98c62377c017e319b2b87a7c58',
  'row	Keyed
row.key	tuple of 3
row.key.0	String
row.key.1	u8
row.key.2	u8
row.value	tuple of 4
row.value.0	i64
row.value.1	i64
row.value.2	i64
row.value.3	i64
index carrier	the primary index
index carrier.key	column 1 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_carrier_and_day__by_carrier', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_carrier_and_day_join_airlines_sum_by_key',
  'groups',
  'flights__flights_sum_by_carrier_and_day_join_airlines_sum_by_key__groups',
  'fc75818156af3e193788fe953e097486',
  'row	Keyed
row.key	tuple of 3
row.key.0	String
row.key.1	u8
row.key.2	u8
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 4
row.value.1.0	i64
row.value.1.1	i64
row.value.1.2	i64
row.value.1.3	i64
index key	the primary index
index key.key_0	column 1 (text ascending)
index key.key_1	column 2 (integer ascending)
index key.key_2	column 3 (integer ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_carrier_and_day_join_airlines_sum_by_key__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'carrier_days',
  'view',
  'flights__carrier_days__view',
  '31eba73da5430317e2f3e79956e484f4',
  'row	CarrierDay
row.carrier	String
row.month	u8
row.day	u8
row.flights	i64
row.departed	i64
row.delayed	i64
row.delay_minutes	i64
row.mean_delay_seconds	Option<i64>
index day	the primary index
index day.carrier	column 1 (text ascending)
index day.month	column 2 (integer ascending)
index day.day	column 3 (integer ascending)
index delay_minutes	a secondary index
index delay_minutes.delay_minutes	column 1 (integer descending)
rows	any number of rows a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__carrier_days__view', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_route',
  'groups',
  'flights__flights_sum_by_route__groups',
  '608fb6d68599b695e8ad6f44192bb88f',
  'row	Keyed
row.key	tuple of 2
row.key.0	String
row.key.1	String
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 2
row.value.1.0	i64
row.value.1.1	i64
index key	the primary index
index key.key_0	column 1 (text ascending)
index key.key_1	column 2 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_route__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_route_map',
  'by_origin',
  'flights__flights_sum_by_route_map__by_origin',
  '6158e5ad7a7dc34ad0791a6458814361',
  'row	Route
row.origin	String
row.dest	String
row.origin_name	Option<String>
row.dest_name	Option<String>
row.flights	i64
row.miles	i64
index origin	the primary index
index origin.origin	column 1 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_route_map__by_origin', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_route_map_join_airports_plus_flights_sum_by_route_map_plus_flights_sum_by_route_map_join_airports_map_negate',
  'by_dest',
  'flights__flights_sum_by_route_map_join_airports_plus_flights_sum_by_route_map_plus_flights_sum_by_route_map_join_airports_map_negate__by_dest',
  '37740cca22f292c896a201ea6ac14003',
  'row	Route
row.origin	String
row.dest	String
row.origin_name	Option<String>
row.dest_name	Option<String>
row.flights	i64
row.miles	i64
index dest	the primary index
index dest.dest	column 1 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_route_map_join_airports_plus_flights_sum_by_route_map_plus_flights_sum_by_route_map_join_airports_map_negate__by_dest', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'routes',
  'view',
  'flights__routes__view',
  '3a18407233de2d2a9c10de8d264ce4de',
  'row	Route
row.origin	String
row.dest	String
row.origin_name	Option<String>
row.dest_name	Option<String>
row.flights	i64
row.miles	i64
index pair	the primary index
index pair.origin	column 1 (text ascending)
index pair.dest	column 2 (text ascending)
index flights	a secondary index
index flights.flights	column 1 (integer descending)
rows	any number of rows a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__routes__view', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_tailnum',
  'groups',
  'flights__flights_sum_by_tailnum__groups',
  '6c1cf18071dbbabaa5351c20b4828067',
  'row	Keyed
row.key	Option<String>
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 2
row.value.1.0	i64
row.value.1.1	i64
index key	the primary index
index key.key	column 1 (text or none ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_tailnum__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_tailnum_map',
  'by_tailnum',
  'flights__flights_sum_by_tailnum_map__by_tailnum',
  '0b45524c9c0a34246f5ffc8857c8c196',
  'row	PlaneFlights
row.tailnum	Option<String>
row.manufacturer	Option<String>
row.flights	i64
row.miles	i64
index tailnum	the primary index
index tailnum.tailnum	column 1 (text or none ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_tailnum_map__by_tailnum', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'planes',
  'by_some_tailnum',
  'flights__planes__by_some_tailnum',
  '6d2952b1243ff39de6362650af4f8892',
  'row	Plane
row.tailnum	String
row.year	Option<u16>
row.kind	String
row.manufacturer	String
row.model	String
row.engines	u8
row.seats	u16
row.speed	Option<u16>
row.engine	String
index some_tailnum	the primary index
index some_tailnum.key	column 1 (text or none ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__planes__by_some_tailnum', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_tailnum_map_join_planes_plus_flights_sum_by_tailnum_map_plus_flights_sum_by_tailnum_map_join_planes_map_negate_sum_by_manufacturer',
  'groups',
  'flights__flights_sum_by_tailnum_map_join_planes_plus_flights_sum_by_tailnum_map_plus_flights_sum_by_tailnum_map_join_planes_map_negate_sum_by_manufacturer__groups',
  '6c1cf18071dbbabaa5351c20b4828067',
  'row	Keyed
row.key	Option<String>
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 2
row.value.1.0	i64
row.value.1.1	i64
index key	the primary index
index key.key	column 1 (text or none ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_tailnum_map_join_planes_plus_flights_sum_by_tailnum_map_plus_flights_sum_by_tailnum_map_join_planes_map_negate_sum_by_manufacturer__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'manufacturers',
  'view',
  'flights__manufacturers__view',
  '0c3abf4a446d46d1ff57efe356ca7494',
  'row	Manufacturer
row.manufacturer	Option<String>
row.flights	i64
row.miles	i64
index manufacturer	the primary index
index manufacturer.manufacturer	column 1 (text or none ascending)
index flights	a secondary index
index flights.flights	column 1 (integer descending)
rows	any number of rows a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__manufacturers__view', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_hour',
  'groups',
  'flights__flights_sum_by_hour__groups',
  '8c89267b2fddf1dec817238488f0b873',
  'row	Keyed
row.key	tuple of 2
row.key.0	String
row.key.1	String
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 4
row.value.1.0	i64
row.value.1.1	i64
row.value.1.2	i64
row.value.1.3	i64
index key	the primary index
index key.key_0	column 1 (text ascending)
index key.key_1	column 2 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_hour__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_hour',
  'by_key',
  'flights__flights_sum_by_hour__by_key',
  'a5571f7fdb3c1e7bc7b3367e0259ae92',
  'row	Keyed
row.key	tuple of 2
row.key.0	String
row.key.1	String
row.value	tuple of 4
row.value.0	i64
row.value.1	i64
row.value.2	i64
row.value.3	i64
index key	the primary index
index key.key_0	column 1 (text ascending)
index key.key_1	column 2 (text ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_hour__by_key', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'weather',
  'by_hour',
  'flights__weather__by_hour',
  'b389cbf2f293bc8b9e7b9dcaf120a957',
  'row	Weather
row.origin	String
row.year	u16
row.month	u8
row.day	u8
row.hour	u8
row.temp	Option<f64>
row.dewp	Option<f64>
row.humid	Option<f64>
row.wind_dir	Option<u16>
row.wind_speed	Option<f64>
row.wind_gust	Option<f64>
row.precip	f64
row.pressure	Option<f64>
row.visib	f64
row.time_hour	String
index hour	the primary index
index hour.origin	column 1 (text ascending)
index hour.time_hour	column 2 (text ascending)
rows	any number of rows a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__weather__by_hour', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'flights_sum_by_hour_join_weather_sum_by_key',
  'groups',
  'flights__flights_sum_by_hour_join_weather_sum_by_key__groups',
  '8cc86f0134d1cf818cde4ff518e355b9',
  'row	Keyed
row.key	i64
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 4
row.value.1.0	i64
row.value.1.1	i64
row.value.1.2	i64
row.value.1.3	i64
index key	the primary index
index key.key	column 1 (integer ascending)
rows	one row a key',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__flights_sum_by_hour_join_weather_sum_by_key__groups', 0);
INSERT INTO "deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version") VALUES (
  'flights',
  'visibility',
  'view',
  'flights__visibility__view',
  'ccb8cbddc43f491d649238092bdf52d6',
  'row	Visibility
row.miles	i64
row.flights	i64
row.departed	i64
row.delayed	i64
row.mean_delay_seconds	Option<i64>
index miles	the primary index
index miles.miles	column 1 (integer ascending)
rows	any number of rows a key
history	kept',
  3
);
INSERT INTO "deltaview_written" ("graph", "table_name", "t") VALUES ('flights', 'flights__visibility__view', 0);
INSERT INTO "deltaview_clock" ("graph", "t", "complete", "format_version") VALUES ('flights', 0, 0, 3);
