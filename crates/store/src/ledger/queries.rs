//! What is asked of the entries. Both name the moments that are meant and the keys that belong to
//! them: ids of calls begin with their time, so that no index of moments is needed, which each call
//! would have to write to.

/// Entries, newest first.
pub(crate) const ENTRIES: &str = "SELECT * FROM entry
    WHERE at >= $1 AND at < $2
        AND ($3 IS NULL OR user_id = $3) AND ($4 IS NULL OR key_id = $4)
        AND ($5 IS NULL OR client_id = $5) AND ($6 IS NULL OR group_id = $6)
        AND ($7 IS NULL OR model = $7) AND ($8 IS NULL OR state = $8)
        AND ($9 IS NULL OR request_id = $9) AND ($10 IS NULL OR call_id = $10)
        AND ($11 IS NULL OR call_id < $11) AND ($12 IS NULL OR attempt = $12)
        AND ($13 IS NULL OR upstream = $13) AND ($14 IS NULL OR budget = $14)
        AND ($15 IS NULL OR excess = $15) AND ($16 IS NULL OR cost_nano = $16)
        AND ($17 IS NULL OR hold_nano = $17)
        AND call_id >= $19 AND call_id < $20
        AND ($21 IS NULL OR tool = $21) AND ($22 IS NULL OR connection_id = $22)
    ORDER BY call_id DESC, attempt DESC LIMIT $18";

/// Sums of entries, newest day first.
pub(crate) const USAGE: &str = "SELECT
        CASE WHEN $8 = 1 THEN at / 86400000000 END AS day,
        CASE WHEN $9 = 1 THEN model END AS model,
        CASE WHEN $10 = 1 THEN key_id END AS key_id,
        CASE WHEN $11 = 1 THEN user_id END AS user_id,
        CASE WHEN $12 = 1 THEN group_id END AS group_id,
        CASE WHEN $13 = 1 THEN client_id END AS client_id,
        CASE WHEN $16 = 1 THEN tool END AS tool,
        CASE WHEN $17 = 1 THEN connection_id END AS connection_id,
        CAST(SUM(CASE WHEN attempt = 1 THEN 1 ELSE 0 END) AS BIGINT) AS calls,
        CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
        CAST(SUM(cached_tokens) AS BIGINT) AS cached_tokens,
        CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
        CAST(SUM(COALESCE(cost_nano, 0)) AS BIGINT) AS cost_nano,
        CAST(SUM(CASE WHEN cost_nano IS NULL AND is_last THEN 1 ELSE 0 END) AS BIGINT)
            AS unpriced,
        CAST(SUM(CASE WHEN state = 'estimated' AND is_last THEN 1 ELSE 0 END) AS BIGINT)
            AS estimated,
        CAST(SUM(CASE WHEN state = 'interrupted' AND is_last THEN 1 ELSE 0 END) AS BIGINT)
            AS interrupted
    FROM (SELECT entry.*, NOT EXISTS (SELECT 1 FROM entry later
            WHERE later.call_id = entry.call_id AND later.attempt > entry.attempt)
            AS is_last FROM entry) tries
    WHERE at >= $1 AND at < $2 AND state <> 'crash_reserve'
        AND ($3 IS NULL OR user_id = $3) AND ($4 IS NULL OR key_id = $4)
        AND ($5 IS NULL OR client_id = $5) AND ($6 IS NULL OR group_id = $6)
        AND ($7 IS NULL OR model = $7)
        AND call_id >= $14 AND call_id < $15
        AND ($18 IS NULL OR tool = $18) AND ($19 IS NULL OR connection_id = $19)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ORDER BY 1 DESC, 2, 3, 4, 5, 6, 7, 8";
