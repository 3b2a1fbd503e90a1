//! Queries of tables `t` and `u` as SQL and as nodes of a plan, whose first nodes are `t` and `u`.
//!
//! The closures of plans are written out in SQL: what two rows make, the number that stands for an aggregate. Keys take
//! `NULL` as a value like any other, which SQL writes `IS NOT DISTINCT FROM`. Orders end with the whole row, so that they
//! have no ties, and say where `NULL` is. It is SQL that SQLite and Postgres take both.

use deltaview_tests::item::Key;
use deltaview_tests::plan::{
    Aggregate, Body, Both, End, Join, JoinKind, Mapping, Meeting, Pick, Query, Several, Test,
    Window, Windowed,
};

/// A query in both languages.
pub(crate) struct Said {
    pub(crate) sql: &'static str,
    pub(crate) operators: Vec<Query>,
}

/// All of them.
pub(crate) fn all() -> Vec<Said> {
    let mut all = sets();
    all.extend(joins());
    all.extend(aggregates());
    all.extend(orders());
    all.extend(windows());
    all.extend(bodies());
    all
}

fn said(sql: &'static str, operators: impl Into<Vec<Query>>) -> Said {
    Said {
        sql,
        operators: operators.into(),
    }
}

fn sets() -> Vec<Said> {
    let both = |sql, both| said(sql, [Query::Both(both, 0, 1)]);
    vec![
        said("SELECT DISTINCT a, b, c FROM t", [Query::Distinct(0)]),
        both("SELECT * FROM t UNION SELECT * FROM u", Both::Union),
        both("SELECT * FROM t INTERSECT SELECT * FROM u", Both::Intersect),
        both("SELECT * FROM t EXCEPT SELECT * FROM u", Both::Except),
        both(
            "SELECT a, b, c FROM (SELECT *, row_number() OVER (PARTITION BY a, b, c) FROM t \
             INTERSECT SELECT *, row_number() OVER (PARTITION BY a, b, c) FROM u) AS numbered",
            Both::IntersectAll,
        ),
        both(
            "SELECT a, b, c FROM (SELECT *, row_number() OVER (PARTITION BY a, b, c) FROM t \
             EXCEPT SELECT *, row_number() OVER (PARTITION BY a, b, c) FROM u) AS numbered",
            Both::ExceptAll,
        ),
    ]
}

fn join(kind: JoinKind, key: Key, right: usize) -> Query {
    Query::Join(Join {
        kind,
        left: 0,
        right,
        key,
        twisted: false,
        in_pairs: false,
        meeting: Meeting::Mixed,
    })
}

fn joins() -> Vec<Said> {
    let by = |sql, kind, key| said(sql, [join(kind, key, 1)]);
    vec![
        by(
            "SELECT t.a, coalesce(u.b, t.b || '<'), t.c + coalesce(u.c, 0) FROM t LEFT JOIN u ON t.b = u.b",
            JoinKind::Left,
            Key::B,
        ),
        by(
            "SELECT CASE WHEN t.b IS NULL THEN u.a ELSE t.a END, CASE WHEN t.b IS NULL THEN u.b || '>' ELSE u.b END, coalesce(t.c, 0) + u.c \
             FROM t RIGHT JOIN u ON t.a IS NOT DISTINCT FROM u.a",
            JoinKind::Right,
            Key::A,
        ),
        by(
            "SELECT CASE WHEN t.b IS NULL THEN u.a ELSE t.a END, \
             CASE WHEN t.b IS NULL THEN u.b || '>' ELSE coalesce(u.b, t.b || '<') END, coalesce(t.c, 0) + coalesce(u.c, 0) \
             FROM t FULL JOIN u ON t.b = u.b",
            JoinKind::Full,
            Key::B,
        ),
        by(
            "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a IS NOT DISTINCT FROM t.a)",
            JoinKind::Semi,
            Key::A,
        ),
        by(
            "SELECT * FROM t WHERE c NOT IN (SELECT c FROM u)",
            JoinKind::Anti,
            Key::C,
        ),
        by(
            "SELECT t.a, u.b, t.c + u.c FROM t CROSS JOIN u",
            JoinKind::Cross,
            Key::A,
        ),
        // With itself: every row meets itself.
        said(
            "SELECT * FROM t WHERE false",
            [join(JoinKind::Anti, Key::B, 0)],
        ),
        said(
            "SELECT x.a, y.b, x.c + y.c FROM t x LEFT JOIN t y ON x.b = y.b",
            [join(JoinKind::Left, Key::B, 0)],
        ),
    ]
}

fn aggregates() -> Vec<Said> {
    use Aggregate::{Any, Avg, Collect, Count, CountDistinct, Every, Max, MaxBy, Min, MinBy};
    let by = |sql, key, aggregate| {
        let input = 0;
        said(
            sql,
            [Query::Group {
                input,
                key,
                aggregate,
            }],
        )
    };
    let whole = |sql, aggregate| said(sql, [Query::Whole(0, aggregate)]);
    vec![
        by(
            "SELECT a, '', CAST(avg(c) * 16 AS INTEGER) FROM t GROUP BY a",
            Key::A,
            Avg,
        ),
        by(
            "SELECT NULL, b, min(c) - 7 FROM t GROUP BY b",
            Key::B,
            Max(Key::C),
        ),
        by(
            "SELECT a, '', octet_length(max(b)) * 3 + 7 * coalesce(a, -1) FROM t GROUP BY a",
            Key::A,
            Min(Key::Ab),
        ),
        by(
            "SELECT NULL, b, (SELECT coalesce(a, -1) * 7 + octet_length(b) * 3 + c FROM t x \
             WHERE x.b = t.b ORDER BY c DESC, a NULLS FIRST, b, c LIMIT 1) FROM t GROUP BY b",
            Key::B,
            MinBy(Key::C),
        ),
        whole(
            "SELECT NULL, '', coalesce(a, -1) * 7 + octet_length(b) * 3 + c FROM t \
             ORDER BY c, a DESC NULLS LAST, b DESC LIMIT 1",
            MaxBy(Key::C),
        ),
        by(
            "SELECT a, '', count(DISTINCT b) FROM t GROUP BY a",
            Key::A,
            CountDistinct(Key::Ab),
        ),
        by(
            "SELECT a, '', max(CASE WHEN c % 2 = 0 THEN 1 ELSE 0 END) FROM t GROUP BY a",
            Key::A,
            Any(Test::IsEven),
        ),
        by(
            "SELECT NULL, b, min(CASE WHEN c > 0 THEN 1 ELSE 0 END) FROM t GROUP BY b",
            Key::B,
            Every(Test::IsPositive),
        ),
        by(
            "SELECT a, '', sum(octet_length(b) * 7 + 1) FROM t GROUP BY a",
            Key::A,
            Collect,
        ),
        whole(
            "SELECT NULL, '', count(*) FROM t HAVING count(*) > 0",
            Count,
        ),
        whole(
            "SELECT NULL, '', count(DISTINCT c) FROM t HAVING count(*) > 0",
            CountDistinct(Key::C),
        ),
        by(
            "SELECT NULL, b, (count(*) * 25 + sum(c) * 5 + 7 * \
             coalesce((SELECT a FROM t x WHERE x.b = t.b ORDER BY a NULLS FIRST LIMIT 1), -1)) % 1000 FROM t GROUP BY b",
            Key::B,
            Aggregate::Several(Several::Sums),
        ),
        by(
            "SELECT a, '', (CAST(avg(c) * 16 AS INTEGER) * 125 + 25 * \
             (SELECT coalesce(a, -1) * 7 + octet_length(b) * 3 + c FROM t x WHERE x.a IS NOT DISTINCT FROM t.a \
             ORDER BY c, a DESC NULLS LAST, b DESC LIMIT 1) + 5 * max(CASE WHEN c % 2 = 0 THEN 1 ELSE 0 END) + count(DISTINCT b)) % 1000 FROM t GROUP BY a",
            Key::A,
            Aggregate::Several(Several::Mixed),
        ),
    ]
}

fn orders() -> Vec<Said> {
    let pick = |sql, by, order, end, offset, n| {
        let input = 0;
        said(
            sql,
            [Query::Pick(Pick {
                input,
                by,
                order,
                end,
                offset,
                n,
            })],
        )
    };
    vec![
        pick(
            "SELECT a, b, c FROM \
             (SELECT *, row_number() OVER (PARTITION BY a ORDER BY b DESC, c) n FROM t) AS numbered WHERE n <= 2",
            Some(Key::A),
            Key::Ab,
            End::First,
            None,
            2,
        ),
        pick(
            "SELECT a, b, c FROM \
             (SELECT *, row_number() OVER (PARTITION BY b ORDER BY c, a DESC NULLS LAST) n FROM t) AS numbered \
             WHERE n BETWEEN 2 AND 4",
            Some(Key::B),
            Key::C,
            End::Top,
            Some(1),
            3,
        ),
        pick(
            "SELECT * FROM t ORDER BY c DESC, a NULLS FIRST, b LIMIT 3",
            None,
            Key::C,
            End::First,
            None,
            3,
        ),
        pick(
            "SELECT * FROM t ORDER BY c, a DESC NULLS LAST, b DESC LIMIT 2 OFFSET 3",
            None,
            Key::C,
            End::Top,
            Some(3),
            2,
        ),
    ]
}

fn windows() -> Vec<Said> {
    let window = |sql, by, order, window| {
        let input = 0;
        said(
            sql,
            [Query::Window(Windowed {
                input,
                by,
                order,
                window,
            })],
        )
    };
    vec![
        window(
            "SELECT a, b, c * 7 + row_number() OVER (PARTITION BY a ORDER BY b DESC, c) FROM t",
            Some(Key::A),
            Key::Ab,
            Window::RowNumber,
        ),
        window(
            "SELECT a, b, c * 7 + rank() OVER (PARTITION BY a ORDER BY b DESC) FROM t",
            Some(Key::A),
            Key::Ab,
            Window::Rank,
        ),
        window(
            "SELECT a, b, c * 7 + dense_rank() OVER (ORDER BY c DESC) FROM t",
            None,
            Key::C,
            Window::DenseRank,
        ),
        window(
            "SELECT a, coalesce(lb, b || '-'), CASE WHEN lb IS NULL THEN c ELSE c * 5 + lc END FROM \
             (SELECT *, lag(b) OVER w lb, lag(c) OVER w lc FROM t WINDOW w AS (PARTITION BY b ORDER BY c DESC, a NULLS FIRST)) AS lagging",
            Some(Key::B),
            Key::C,
            Window::Lag(1),
        ),
        window(
            "SELECT a, coalesce(lb, b || '-'), CASE WHEN lb IS NULL THEN c ELSE c * 5 + lc END FROM \
             (SELECT *, lead(b, 2) OVER w lb, lead(c, 2) OVER w lc FROM t \
             WINDOW w AS (ORDER BY c DESC, a NULLS FIRST, b, c)) AS ahead",
            None,
            Key::C,
            Window::Lead(2),
        ),
        window(
            "SELECT a, b, c * 7 + sum(c) OVER (PARTITION BY a ORDER BY b DESC) FROM t",
            Some(Key::A),
            Key::Ab,
            Window::RunningSum,
        ),
        window(
            "SELECT a, b, c * 7 + sum(c) OVER (ORDER BY c DESC) FROM t",
            None,
            Key::C,
            Window::RunningSum,
        ),
    ]
}

fn bodies() -> Vec<Said> {
    let best = Query::Pick(Pick {
        input: 0,
        by: None,
        order: Key::C,
        end: End::First,
        offset: None,
        n: 2,
    });
    let sums = Query::Group {
        input: 1,
        key: Key::B,
        aggregate: Aggregate::Sum,
    };
    let step = vec![
        Query::Feed,
        Query::Outer(1),
        join(JoinKind::Inner, Key::B, 1),
        Query::Map(2, Mapping::Fold),
    ];
    vec![
        said(
            "SELECT NULL, b, sum(c) * 3 + coalesce(a, 5) FROM \
             (SELECT *, row_number() OVER (PARTITION BY a ORDER BY c DESC, a, b, c) n FROM t) AS numbered WHERE n <= 2 \
             GROUP BY a, b",
            [Query::PerGroup {
                input: 0,
                key: Key::A,
                body: Body {
                    nodes: vec![Query::Feed, best, sums],
                },
            }],
        ),
        said(
            "WITH RECURSIVE edge(f, g) AS (SELECT (c % 6 + 6) % 6, \
             (coalesce(a, 3) + octet_length(b)) % 6 FROM t), \
             path(f, g) AS (SELECT * FROM edge UNION SELECT path.f, edge.g FROM path JOIN edge ON path.g = edge.f) \
             SELECT CASE WHEN f < 3 THEN f ELSE NULL END, '', f * 6 + g FROM path",
            [Query::Closure(0)],
        ),
        said(
            "WITH RECURSIVE x(a, b, c) AS (SELECT * FROM t UNION \
             SELECT x.a % 2, CASE WHEN u.b IN ('a', 'b') THEN u.b ELSE '' END, ((x.c + u.c) % 5 + 5) % 5 FROM x JOIN u ON x.b = u.b) \
             SELECT * FROM x",
            [Query::Recursive {
                seed: 0,
                steps: 200,
                body: Body { nodes: step },
            }],
        ),
    ]
}
