-- The postgres tables of the graph `flights`, made from code: do not edit.
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

-- The graph `flights`.
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
CREATE TABLE "deltaview"."flights__airlines__by_carrier" (
  "ixd__carrier__carrier" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__airlines__by_carrier__key" ON "deltaview"."flights__airlines__by_carrier" ("ixd__carrier__carrier");
CREATE TABLE "deltaview"."flights__airports__by_faa" (
  "ixd__faa__faa" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__airports__by_faa__key" ON "deltaview"."flights__airports__by_faa" ("ixd__faa__faa");
CREATE TABLE "deltaview"."flights__planes__by_tailnum" (
  "ixd__tailnum__tailnum" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__planes__by_tailnum__key" ON "deltaview"."flights__planes__by_tailnum" ("ixd__tailnum__tailnum");
CREATE TABLE "deltaview"."flights__files_loaded__view" (
  "ixd__table__table" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL,
  "since" bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__files_loaded__view__key" ON "deltaview"."flights__files_loaded__view" ("ixd__table__table");
CREATE TABLE "deltaview"."flights__files_loaded__view__versions" (
  "ixd__table__table" text COLLATE "C" NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "node" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__files_loaded__view__versions__key" ON "deltaview"."flights__files_loaded__view__versions" ("ixd__table__table", "until", "identity");
CREATE INDEX "flights__files_loaded__view__versions__node" ON "deltaview"."flights__files_loaded__view__versions" ("node", "ixd__table__table", "until");
CREATE TABLE "deltaview"."flights__files_loaded__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__files_loaded__view__rows__key" ON "deltaview"."flights__files_loaded__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__files_loaded__view__log" (
  "t" bigint NOT NULL,
  "ixd__table__table" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__files_loaded__view__log__t" ON "deltaview"."flights__files_loaded__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__files_loaded__view', 0);
CREATE TABLE "deltaview"."flights__days_amended__view" (
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "data" bytea NOT NULL,
  "since" bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__days_amended__view__key" ON "deltaview"."flights__days_amended__view" ("ixd__day__month", "ixd__day__day");
CREATE TABLE "deltaview"."flights__days_amended__view__versions" (
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "node" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__days_amended__view__versions__key" ON "deltaview"."flights__days_amended__view__versions" ("ixd__day__month", "ixd__day__day", "until", "identity");
CREATE INDEX "flights__days_amended__view__versions__node" ON "deltaview"."flights__days_amended__view__versions" ("node", "ixd__day__month", "ixd__day__day", "until");
CREATE TABLE "deltaview"."flights__days_amended__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__days_amended__view__rows__key" ON "deltaview"."flights__days_amended__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__days_amended__view__log" (
  "t" bigint NOT NULL,
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__days_amended__view__log__t" ON "deltaview"."flights__days_amended__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__days_amended__view', 0);
CREATE TABLE "deltaview"."flights__flights_sum_by_carrier_and_day__groups" (
  "ixd__key__key_0" text COLLATE "C" NOT NULL,
  "ixd__key__key_1" bigint NOT NULL,
  "ixd__key__key_2" bigint NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_carrier_and_day__groups__key" ON "deltaview"."flights__flights_sum_by_carrier_and_day__groups" ("ixd__key__key_0", "ixd__key__key_1", "ixd__key__key_2");
CREATE TABLE "deltaview"."flights__flights_sum_by_carrier_and_day__by_carrier" (
  "ixd__carrier__key" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__flights_sum_by_carrier_and_day__by_carrier__key" ON "deltaview"."flights__flights_sum_by_carrier_and_day__by_carrier" ("ixd__carrier__key", "identity");
CREATE TABLE "deltaview"."flights__flights_sum_by_carrier_and_day_join_airlines__be28b60f" (
  "ixd__key__key_0" text COLLATE "C" NOT NULL,
  "ixd__key__key_1" bigint NOT NULL,
  "ixd__key__key_2" bigint NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_carrier_and_day_join_airlines__1ac4de79" ON "deltaview"."flights__flights_sum_by_carrier_and_day_join_airlines__be28b60f" ("ixd__key__key_0", "ixd__key__key_1", "ixd__key__key_2");
CREATE TABLE "deltaview"."flights__carrier_days__view" (
  "ixd__day__carrier" text COLLATE "C" NOT NULL,
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "ixd__delay_minutes__delay_minutes" bigint NOT NULL,
  "since" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__carrier_days__view__key" ON "deltaview"."flights__carrier_days__view" ("ixd__day__carrier", "ixd__day__month", "ixd__day__day", "identity");
CREATE INDEX "flights__carrier_days__view__ix__delay_minutes" ON "deltaview"."flights__carrier_days__view" ("ixd__delay_minutes__delay_minutes" DESC, "identity");
CREATE TABLE "deltaview"."flights__carrier_days__view__versions" (
  "ixd__day__carrier" text COLLATE "C" NOT NULL,
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "c" bigint NOT NULL,
  "node" bigint NOT NULL,
  "ixd__delay_minutes__delay_minutes" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__carrier_days__view__versions__key" ON "deltaview"."flights__carrier_days__view__versions" ("ixd__day__carrier", "ixd__day__month", "ixd__day__day", "until", "identity");
CREATE INDEX "flights__carrier_days__view__versions__node" ON "deltaview"."flights__carrier_days__view__versions" ("node", "ixd__day__carrier", "ixd__day__month", "ixd__day__day", "until");
CREATE INDEX "flights__carrier_days__view__versions__key__delay_minutes" ON "deltaview"."flights__carrier_days__view__versions" ("ixd__delay_minutes__delay_minutes" DESC, "until");
CREATE INDEX "flights__carrier_days__view__versions__node__delay_minutes" ON "deltaview"."flights__carrier_days__view__versions" ("node", "ixd__delay_minutes__delay_minutes" DESC, "until");
CREATE TABLE "deltaview"."flights__carrier_days__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__carrier_days__view__rows__key" ON "deltaview"."flights__carrier_days__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__carrier_days__view__log" (
  "t" bigint NOT NULL,
  "ixd__day__carrier" text COLLATE "C" NOT NULL,
  "ixd__day__month" bigint NOT NULL,
  "ixd__day__day" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__carrier_days__view__log__t" ON "deltaview"."flights__carrier_days__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__carrier_days__view', 0);
CREATE TABLE "deltaview"."flights__flights_sum_by_route__groups" (
  "ixd__key__key_0" text COLLATE "C" NOT NULL,
  "ixd__key__key_1" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_route__groups__key" ON "deltaview"."flights__flights_sum_by_route__groups" ("ixd__key__key_0", "ixd__key__key_1");
CREATE TABLE "deltaview"."flights__flights_sum_by_route_map__by_origin" (
  "ixd__origin__origin" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__flights_sum_by_route_map__by_origin__key" ON "deltaview"."flights__flights_sum_by_route_map__by_origin" ("ixd__origin__origin", "identity");
CREATE TABLE "deltaview"."flights__flights_sum_by_route_map_join_airports_plus_f_43722746" (
  "ixd__dest__dest" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__flights_sum_by_route_map_join_airports_plus_f_1029ff3a" ON "deltaview"."flights__flights_sum_by_route_map_join_airports_plus_f_43722746" ("ixd__dest__dest", "identity");
CREATE TABLE "deltaview"."flights__routes__view" (
  "ixd__pair__origin" text COLLATE "C" NOT NULL,
  "ixd__pair__dest" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "ixd__flights__flights" bigint NOT NULL,
  "since" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__routes__view__key" ON "deltaview"."flights__routes__view" ("ixd__pair__origin", "ixd__pair__dest", "identity");
CREATE INDEX "flights__routes__view__ix__flights" ON "deltaview"."flights__routes__view" ("ixd__flights__flights" DESC, "identity");
CREATE TABLE "deltaview"."flights__routes__view__versions" (
  "ixd__pair__origin" text COLLATE "C" NOT NULL,
  "ixd__pair__dest" text COLLATE "C" NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "c" bigint NOT NULL,
  "node" bigint NOT NULL,
  "ixd__flights__flights" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__routes__view__versions__key" ON "deltaview"."flights__routes__view__versions" ("ixd__pair__origin", "ixd__pair__dest", "until", "identity");
CREATE INDEX "flights__routes__view__versions__node" ON "deltaview"."flights__routes__view__versions" ("node", "ixd__pair__origin", "ixd__pair__dest", "until");
CREATE INDEX "flights__routes__view__versions__key__flights" ON "deltaview"."flights__routes__view__versions" ("ixd__flights__flights" DESC, "until");
CREATE INDEX "flights__routes__view__versions__node__flights" ON "deltaview"."flights__routes__view__versions" ("node", "ixd__flights__flights" DESC, "until");
CREATE TABLE "deltaview"."flights__routes__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__routes__view__rows__key" ON "deltaview"."flights__routes__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__routes__view__log" (
  "t" bigint NOT NULL,
  "ixd__pair__origin" text COLLATE "C" NOT NULL,
  "ixd__pair__dest" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__routes__view__log__t" ON "deltaview"."flights__routes__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__routes__view', 0);
CREATE TABLE "deltaview"."flights__flights_sum_by_tailnum__groups" (
  "ixd__key__key" text COLLATE "C",
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_tailnum__groups__key" ON "deltaview"."flights__flights_sum_by_tailnum__groups" (("ixd__key__key" IS NOT NULL), (COALESCE("ixd__key__key", '')));
CREATE TABLE "deltaview"."flights__flights_sum_by_tailnum_map__by_tailnum" (
  "ixd__tailnum__tailnum" text COLLATE "C",
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__flights_sum_by_tailnum_map__by_tailnum__key" ON "deltaview"."flights__flights_sum_by_tailnum_map__by_tailnum" (("ixd__tailnum__tailnum" IS NOT NULL), (COALESCE("ixd__tailnum__tailnum", '')), "identity");
CREATE TABLE "deltaview"."flights__planes__by_some_tailnum" (
  "ixd__some_tailnum__key" text COLLATE "C",
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__planes__by_some_tailnum__key" ON "deltaview"."flights__planes__by_some_tailnum" (("ixd__some_tailnum__key" IS NOT NULL), (COALESCE("ixd__some_tailnum__key", '')), "identity");
CREATE TABLE "deltaview"."flights__flights_sum_by_tailnum_map_join_planes_plus_f_4886a53a" (
  "ixd__key__key" text COLLATE "C",
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_tailnum_map_join_planes_plus_f_6c22480e" ON "deltaview"."flights__flights_sum_by_tailnum_map_join_planes_plus_f_4886a53a" (("ixd__key__key" IS NOT NULL), (COALESCE("ixd__key__key", '')));
CREATE TABLE "deltaview"."flights__manufacturers__view" (
  "ixd__manufacturer__manufacturer" text COLLATE "C",
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "ixd__flights__flights" bigint NOT NULL,
  "since" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__manufacturers__view__key" ON "deltaview"."flights__manufacturers__view" (("ixd__manufacturer__manufacturer" IS NOT NULL), (COALESCE("ixd__manufacturer__manufacturer", '')), "identity");
CREATE INDEX "flights__manufacturers__view__ix__flights" ON "deltaview"."flights__manufacturers__view" ("ixd__flights__flights" DESC, "identity");
CREATE TABLE "deltaview"."flights__manufacturers__view__versions" (
  "ixd__manufacturer__manufacturer" text COLLATE "C",
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "c" bigint NOT NULL,
  "node" bigint NOT NULL,
  "ixd__flights__flights" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__manufacturers__view__versions__key" ON "deltaview"."flights__manufacturers__view__versions" (("ixd__manufacturer__manufacturer" IS NOT NULL), (COALESCE("ixd__manufacturer__manufacturer", '')), "until", "identity");
CREATE INDEX "flights__manufacturers__view__versions__node" ON "deltaview"."flights__manufacturers__view__versions" ("node", ("ixd__manufacturer__manufacturer" IS NOT NULL), (COALESCE("ixd__manufacturer__manufacturer", '')), "until");
CREATE INDEX "flights__manufacturers__view__versions__key__flights" ON "deltaview"."flights__manufacturers__view__versions" ("ixd__flights__flights" DESC, "until");
CREATE INDEX "flights__manufacturers__view__versions__node__flights" ON "deltaview"."flights__manufacturers__view__versions" ("node", "ixd__flights__flights" DESC, "until");
CREATE TABLE "deltaview"."flights__manufacturers__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__manufacturers__view__rows__key" ON "deltaview"."flights__manufacturers__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__manufacturers__view__log" (
  "t" bigint NOT NULL,
  "ixd__manufacturer__manufacturer" text COLLATE "C",
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__manufacturers__view__log__t" ON "deltaview"."flights__manufacturers__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__manufacturers__view', 0);
CREATE TABLE "deltaview"."flights__flights_sum_by_hour__groups" (
  "ixd__key__key_0" text COLLATE "C" NOT NULL,
  "ixd__key__key_1" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_hour__groups__key" ON "deltaview"."flights__flights_sum_by_hour__groups" ("ixd__key__key_0", "ixd__key__key_1");
CREATE TABLE "deltaview"."flights__flights_sum_by_hour__by_key" (
  "ixd__key__key_0" text COLLATE "C" NOT NULL,
  "ixd__key__key_1" text COLLATE "C" NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_hour__by_key__key" ON "deltaview"."flights__flights_sum_by_hour__by_key" ("ixd__key__key_0", "ixd__key__key_1");
CREATE TABLE "deltaview"."flights__weather__by_hour" (
  "ixd__hour__origin" text COLLATE "C" NOT NULL,
  "ixd__hour__time_hour" text COLLATE "C" NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__weather__by_hour__key" ON "deltaview"."flights__weather__by_hour" ("ixd__hour__origin", "ixd__hour__time_hour", "identity");
CREATE TABLE "deltaview"."flights__flights_sum_by_hour_join_weather_sum_by_key__groups" (
  "ixd__key__key" bigint NOT NULL,
  "data" bytea NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX "flights__flights_sum_by_hour_join_weather_sum_by_key___80c13217" ON "deltaview"."flights__flights_sum_by_hour_join_weather_sum_by_key__groups" ("ixd__key__key");
CREATE TABLE "deltaview"."flights__visibility__view" (
  "ixd__miles__miles" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "data" bytea,
  "c" bigint NOT NULL,
  "since" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__visibility__view__key" ON "deltaview"."flights__visibility__view" ("ixd__miles__miles", "identity");
CREATE TABLE "deltaview"."flights__visibility__view__versions" (
  "ixd__miles__miles" bigint NOT NULL,
  "until" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "since" bigint NOT NULL,
  "c" bigint NOT NULL,
  "node" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__visibility__view__versions__key" ON "deltaview"."flights__visibility__view__versions" ("ixd__miles__miles", "until", "identity");
CREATE INDEX "flights__visibility__view__versions__node" ON "deltaview"."flights__visibility__view__versions" ("node", "ixd__miles__miles", "until");
CREATE TABLE "deltaview"."flights__visibility__view__rows" (
  "identity" bytea NOT NULL,
  "data" bytea NOT NULL,
  "n" bigint NOT NULL
);
CREATE UNIQUE INDEX "flights__visibility__view__rows__key" ON "deltaview"."flights__visibility__view__rows" ("identity");
CREATE TABLE "deltaview"."flights__visibility__view__log" (
  "t" bigint NOT NULL,
  "ixd__miles__miles" bigint NOT NULL,
  "identity" bytea NOT NULL,
  "w" bigint NOT NULL
);
CREATE INDEX "flights__visibility__view__log__t" ON "deltaview"."flights__visibility__view__log" ("t");
INSERT INTO "deltaview"."deltaview_history" ("graph", "table_name", "horizon") VALUES (E'flights', E'flights__visibility__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'airlines', E'by_carrier', E'flights__airlines__by_carrier', E'31eb0080f274fd405dafdd66ea27892d', E'row	Airline
row.carrier	String
row.name	String
index carrier	the primary index
index carrier.carrier	column 1 (text ascending)
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__airlines__by_carrier', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'airports', E'by_faa', E'flights__airports__by_faa', E'308ae35d24a159c22b15860468a3250e', E'row	Airport
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__airports__by_faa', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'planes', E'by_tailnum', E'flights__planes__by_tailnum', E'79d6e623177de37939d04dc7cb52966d', E'row	Plane
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__planes__by_tailnum', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'files_loaded', E'view', E'flights__files_loaded__view', E'0b5ad176ed29aa1309604399cd8ec894', E'row	Loaded
row.table	String
row.rows	u64
row.file_bytes	u64
index table	the primary index
index table.table	column 1 (text ascending)
rows	one row a key
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__files_loaded__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'days_amended', E'view', E'flights__days_amended__view', E'2ab5aae2a089b6be5ef7bf5e6f23b126', E'row	Amendment
row.month	u8
row.day	u8
row.carrier	String
row.new_name	String
index day	the primary index
index day.month	column 1 (integer ascending)
index day.day	column 2 (integer ascending)
rows	one row a key
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__days_amended__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_carrier_and_day', E'groups', E'flights__flights_sum_by_carrier_and_day__groups', E'fc75818156af3e193788fe953e097486', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_carrier_and_day__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_carrier_and_day', E'by_carrier', E'flights__flights_sum_by_carrier_and_day__by_carrier', E'70b2bb98c62377c017e319b2b87a7c58', E'row	Keyed
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
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_carrier_and_day__by_carrier', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_carrier_and_day_join_airlines_sum_by_key', E'groups', E'flights__flights_sum_by_carrier_and_day_join_airlines__be28b60f', E'fc75818156af3e193788fe953e097486', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_carrier_and_day_join_airlines__be28b60f', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'carrier_days', E'view', E'flights__carrier_days__view', E'31eba73da5430317e2f3e79956e484f4', E'row	CarrierDay
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
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__carrier_days__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_route', E'groups', E'flights__flights_sum_by_route__groups', E'608fb6d68599b695e8ad6f44192bb88f', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_route__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_route_map', E'by_origin', E'flights__flights_sum_by_route_map__by_origin', E'6158e5ad7a7dc34ad0791a6458814361', E'row	Route
row.origin	String
row.dest	String
row.origin_name	Option<String>
row.dest_name	Option<String>
row.flights	i64
row.miles	i64
index origin	the primary index
index origin.origin	column 1 (text ascending)
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_route_map__by_origin', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_route_map_join_airports_plus_flights_sum_by_route_map_plus_flights_sum_by_route_map_join_airports_map_negate', E'by_dest', E'flights__flights_sum_by_route_map_join_airports_plus_f_43722746', E'37740cca22f292c896a201ea6ac14003', E'row	Route
row.origin	String
row.dest	String
row.origin_name	Option<String>
row.dest_name	Option<String>
row.flights	i64
row.miles	i64
index dest	the primary index
index dest.dest	column 1 (text ascending)
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_route_map_join_airports_plus_f_43722746', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'routes', E'view', E'flights__routes__view', E'3a18407233de2d2a9c10de8d264ce4de', E'row	Route
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
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__routes__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_tailnum', E'groups', E'flights__flights_sum_by_tailnum__groups', E'6c1cf18071dbbabaa5351c20b4828067', E'row	Keyed
row.key	Option<String>
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 2
row.value.1.0	i64
row.value.1.1	i64
index key	the primary index
index key.key	column 1 (text or none ascending)
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_tailnum__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_tailnum_map', E'by_tailnum', E'flights__flights_sum_by_tailnum_map__by_tailnum', E'0b45524c9c0a34246f5ffc8857c8c196', E'row	PlaneFlights
row.tailnum	Option<String>
row.manufacturer	Option<String>
row.flights	i64
row.miles	i64
index tailnum	the primary index
index tailnum.tailnum	column 1 (text or none ascending)
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_tailnum_map__by_tailnum', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'planes', E'by_some_tailnum', E'flights__planes__by_some_tailnum', E'6d2952b1243ff39de6362650af4f8892', E'row	Plane
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
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__planes__by_some_tailnum', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_tailnum_map_join_planes_plus_flights_sum_by_tailnum_map_plus_flights_sum_by_tailnum_map_join_planes_map_negate_sum_by_manufacturer', E'groups', E'flights__flights_sum_by_tailnum_map_join_planes_plus_f_4886a53a', E'6c1cf18071dbbabaa5351c20b4828067', E'row	Keyed
row.key	Option<String>
row.value	tuple of 2
row.value.0	i64
row.value.1	tuple of 2
row.value.1.0	i64
row.value.1.1	i64
index key	the primary index
index key.key	column 1 (text or none ascending)
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_tailnum_map_join_planes_plus_f_4886a53a', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'manufacturers', E'view', E'flights__manufacturers__view', E'0c3abf4a446d46d1ff57efe356ca7494', E'row	Manufacturer
row.manufacturer	Option<String>
row.flights	i64
row.miles	i64
index manufacturer	the primary index
index manufacturer.manufacturer	column 1 (text or none ascending)
index flights	a secondary index
index flights.flights	column 1 (integer descending)
rows	any number of rows a key
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__manufacturers__view', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_hour', E'groups', E'flights__flights_sum_by_hour__groups', E'8c89267b2fddf1dec817238488f0b873', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_hour__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_hour', E'by_key', E'flights__flights_sum_by_hour__by_key', E'a5571f7fdb3c1e7bc7b3367e0259ae92', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_hour__by_key', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'weather', E'by_hour', E'flights__weather__by_hour', E'b389cbf2f293bc8b9e7b9dcaf120a957', E'row	Weather
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
rows	any number of rows a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__weather__by_hour', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'flights_sum_by_hour_join_weather_sum_by_key', E'groups', E'flights__flights_sum_by_hour_join_weather_sum_by_key__groups', E'8cc86f0134d1cf818cde4ff518e355b9', E'row	Keyed
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
rows	one row a key', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__flights_sum_by_hour_join_weather_sum_by_key__groups', 0);
INSERT INTO "deltaview"."deltaview_catalog" ("graph", "vertex", "role", "table_name", "fingerprint", "description", "format_version")
  VALUES (E'flights', E'visibility', E'view', E'flights__visibility__view', E'ccb8cbddc43f491d649238092bdf52d6', E'row	Visibility
row.miles	i64
row.flights	i64
row.departed	i64
row.delayed	i64
row.mean_delay_seconds	Option<i64>
index miles	the primary index
index miles.miles	column 1 (integer ascending)
rows	any number of rows a key
history	kept', 3);
INSERT INTO "deltaview"."deltaview_last_update" ("graph", "table_name", "t") VALUES (E'flights', E'flights__visibility__view', 0);
INSERT INTO "deltaview"."deltaview_clock" ("graph", "t", "complete", "format_version") VALUES (E'flights', 0, 0, 3);
