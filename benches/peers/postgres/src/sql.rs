//! The tables that all peers but deltaview have, and the statements over them. A read that comes twice is one row with a
//! count of 2.

use deltaview_benches::meters::BEGIN;

/// The inputs.
pub(crate) const INPUTS: &str = "
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE meters (id uuid PRIMARY KEY, user_id bigint NOT NULL);
CREATE TABLE reads (
    meter uuid NOT NULL,
    at bigint NOT NULL,
    value bigint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (meter, at, value)
);
";

/// The sums, as a table that somebody keeps.
pub(crate) const SUMS: &str = "
CREATE TABLE sums (
    day bigint NOT NULL,
    user_id bigint NOT NULL,
    meter uuid NOT NULL,
    sum bigint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (day, user_id, meter)
);
";

/// Adds reads: each at most once in a statement.
pub(crate) const INSERT: &str = "
INSERT INTO reads AS r (meter, at, value, n)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
ON CONFLICT (meter, at, value) DO UPDATE SET n = r.n + excluded.n
";

/// Deletes reads of which none is left then.
pub(crate) const DELETE: &str = "
DELETE FROM reads AS r USING unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (meter, at, value, n)
WHERE r.meter = k.meter AND r.at = k.at AND r.value = k.value AND r.n = k.n
";

/// Takes reads away of which some are left.
pub(crate) const SUBTRACT: &str = "
UPDATE reads AS r SET n = r.n - k.n
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (meter, at, value, n)
WHERE r.meter = k.meter AND r.at = k.at AND r.value = k.value
";

/// Adds to sums.
pub(crate) const ADD_SUMS: &str = "
INSERT INTO sums AS s (day, user_id, meter, sum, n)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[])
ON CONFLICT (day, user_id, meter) DO UPDATE SET sum = s.sum + excluded.sum, n = s.n + excluded.n
";

/// Deletes sums of nothing, among some.
pub(crate) const SWEEP_SUMS: &str = "
DELETE FROM sums AS s USING unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS k (day, user_id, meter)
WHERE s.day = k.day AND s.user_id = k.user_id AND s.meter = k.meter AND s.n = 0
";

/// The view, written down.
fn view() -> String {
    format!(
        "SELECT (r.at - {BEGIN}) / 86400 AS day, u.id AS user_id, m.id AS meter, \
         sum(r.value * r.n)::bigint AS sum, sum(r.n)::bigint AS n \
         FROM users AS u JOIN meters AS m ON m.user_id = u.id JOIN reads AS r ON r.meter = m.id GROUP BY 1, 2, 3"
    )
}

/// The sums, computed when they are asked for.
pub(crate) fn computed_sums() -> String {
    format!("CREATE VIEW sums AS {}", view())
}

/// The sums, computed when they are told to.
pub(crate) fn materialized_sums() -> String {
    format!(
        "CREATE MATERIALIZED VIEW sums AS {}; CREATE UNIQUE INDEX ON sums (day, user_id, meter)",
        view()
    )
}

/// The sums, kept by a trigger for each row.
pub(crate) fn row_triggers() -> String {
    format!(
        "{SUMS}
CREATE FUNCTION add_reads(its_meter uuid, its_time bigint, its_value bigint, more bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    its_day bigint := (its_time - {BEGIN}) / 86400;
    its_user bigint;
BEGIN
    SELECT u.id INTO its_user FROM meters AS m JOIN users AS u ON u.id = m.user_id WHERE m.id = its_meter;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO sums AS s VALUES (its_day, its_user, its_meter, its_value * more, more)
    ON CONFLICT (day, user_id, meter) DO UPDATE SET sum = s.sum + excluded.sum, n = s.n + excluded.n;
    IF more < 0 THEN
        DELETE FROM sums AS s WHERE s.day = its_day AND s.user_id = its_user AND s.meter = its_meter AND s.n = 0;
    END IF;
END $$;
CREATE FUNCTION reads_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_reads(NEW.meter, NEW.at, NEW.value, NEW.n);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM add_reads(OLD.meter, OLD.at, OLD.value, -OLD.n);
    ELSE
        PERFORM add_reads(NEW.meter, NEW.at, NEW.value, NEW.n - OLD.n);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reads_changed AFTER INSERT OR UPDATE OR DELETE ON reads FOR EACH ROW EXECUTE FUNCTION reads_changed();
"
    )
}

/// The sums, kept by a trigger for each statement.
pub(crate) fn statement_triggers() -> String {
    // Of the rows that changed, with how many more there are of each.
    let add = |changed: &str| {
        format!(
            "INSERT INTO sums AS s (day, user_id, meter, sum, n)
    SELECT (r.at - {BEGIN}) / 86400, u.id, m.id, sum(r.value * r.n), sum(r.n)
    FROM ({changed}) AS r JOIN meters AS m ON m.id = r.meter JOIN users AS u ON u.id = m.user_id GROUP BY 1, 2, 3
    ON CONFLICT (day, user_id, meter) DO UPDATE SET sum = s.sum + excluded.sum, n = s.n + excluded.n;"
        )
    };
    let sweep = format!(
        "DELETE FROM sums AS s USING gone AS r, meters AS m
    WHERE m.id = r.meter AND s.day = (r.at - {BEGIN}) / 86400 AND s.user_id = m.user_id AND s.meter = m.id AND s.n = 0;"
    );
    let came = add("SELECT meter, at, value, n FROM came");
    let gone = add("SELECT meter, at, value, -n AS n FROM gone");
    let both =
        add("SELECT meter, at, value, n FROM came UNION ALL SELECT meter, at, value, -n FROM gone");
    format!(
        "{SUMS}
CREATE FUNCTION reads_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {came}
    RETURN NULL;
END $$;
CREATE FUNCTION reads_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {gone}
    {sweep}
    RETURN NULL;
END $$;
CREATE FUNCTION reads_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM came) THEN
        {both}
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER came AFTER INSERT ON reads REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION reads_came();
CREATE TRIGGER went AFTER DELETE ON reads REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION reads_went();
CREATE TRIGGER changed AFTER UPDATE ON reads REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION reads_changed();
"
    )
}
