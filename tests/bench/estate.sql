-- SPDX-License-Identifier: Apache-2.0
-- What the report says of the estate, asked of a database, in words that
-- PostgreSQL and DuckDB both know. Seconds since 1970. Statements end with a
-- semicolon at the end of a line.
--
-- A machine is there from an event up to its next one, unless that event took it
-- away; what still runs was seen last with the heartbeat a second before the
-- year's end.
CREATE TEMPORARY TABLE stays AS
SELECT m.product, m.edition, m.tenant, m.cost_center, h.name AS host, h.cluster, h.region, e.a, e.b, e.vcpus
FROM (
	SELECT vm, host, kind, vcpus, t AS a, lead(t, 1, CAST(1798761599 AS BIGINT)) OVER (PARTITION BY vm ORDER BY sequence) AS b
	FROM events
) e
JOIN machines m ON m.vm = e.vm
JOIN hosts h ON h.host = e.host
WHERE e.kind NOT IN ('stop', 'migrate-out') AND e.a < e.b;

-- Run time, one pass for all scopes.
CREATE TEMPORARY TABLE sums AS
SELECT product, edition,
	CASE WHEN GROUPING(host) = 0 THEN 'host' WHEN GROUPING(cluster) = 0 THEN 'cluster'
		WHEN GROUPING(region) = 0 THEN 'region' WHEN GROUPING(tenant) = 0 THEN 'tenant'
		WHEN GROUPING(cost_center) = 0 THEN 'cost_center' ELSE 'fleet' END AS scope,
	COALESCE(host, cluster, region, tenant, cost_center, 'fleet') AS id,
	CAST(sum(b - a) AS BIGINT) AS run_seconds, CAST(sum((b - a) * vcpus) AS BIGINT) AS vcpu_seconds
FROM stays
GROUP BY GROUPING SETS ((product, edition, host), (product, edition, cluster), (product, edition, region),
	(product, edition, tenant), (product, edition, cost_center), (product, edition));

-- Peaks: what comes and goes at one instant is added up first. The greatest
-- number and its first instant in one maximum: number * 2^33 - instant.
CREATE TEMPORARY TABLE peaks AS
SELECT product, edition, 'host' AS scope, host AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, host, t, CAST(sum(d) OVER (PARTITION BY product, edition, host ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, host, t, sum(d) AS d FROM (
			SELECT product, edition, host, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, host, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, host, t
	) y
) z GROUP BY product, edition, host
UNION ALL
SELECT product, edition, 'cluster' AS scope, cluster AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, cluster, t, CAST(sum(d) OVER (PARTITION BY product, edition, cluster ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, cluster, t, sum(d) AS d FROM (
			SELECT product, edition, cluster, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, cluster, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, cluster, t
	) y
) z GROUP BY product, edition, cluster
UNION ALL
SELECT product, edition, 'region' AS scope, region AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, region, t, CAST(sum(d) OVER (PARTITION BY product, edition, region ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, region, t, sum(d) AS d FROM (
			SELECT product, edition, region, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, region, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, region, t
	) y
) z GROUP BY product, edition, region
UNION ALL
SELECT product, edition, 'tenant' AS scope, tenant AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, tenant, t, CAST(sum(d) OVER (PARTITION BY product, edition, tenant ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, tenant, t, sum(d) AS d FROM (
			SELECT product, edition, tenant, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, tenant, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, tenant, t
	) y
) z GROUP BY product, edition, tenant
UNION ALL
SELECT product, edition, 'cost_center' AS scope, cost_center AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, cost_center, t, CAST(sum(d) OVER (PARTITION BY product, edition, cost_center ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, cost_center, t, sum(d) AS d FROM (
			SELECT product, edition, cost_center, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, cost_center, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, cost_center, t
	) y
) z GROUP BY product, edition, cost_center
UNION ALL
SELECT product, edition, 'fleet' AS scope, 'fleet' AS id, max(n * 8589934592 - t) AS m FROM (
	SELECT product, edition, t, CAST(sum(d) OVER (PARTITION BY product, edition ORDER BY t) AS BIGINT) AS n FROM (
		SELECT product, edition, t, sum(d) AS d FROM (
			SELECT product, edition, a AS t, 1 AS d FROM stays UNION ALL SELECT product, edition, b AS t, -1 AS d FROM stays
		) x GROUP BY product, edition, t
	) y
) z GROUP BY product, edition;

CREATE TEMPORARY TABLE usage AS
SELECT s.product, s.edition, s.scope, s.id, s.run_seconds, s.vcpu_seconds,
	(p.m + 8589934591) >> 33 AS peak, (((p.m + 8589934591) >> 33) << 33) - p.m AS peak_at
FROM sums s JOIN peaks p ON p.product = s.product AND p.edition = s.edition AND p.scope = s.scope AND p.id = s.id;

-- The last 90 days: how many Windows machines at once on each host.
CREATE TEMPORARY TABLE windows AS
SELECT host, (m + 8589934591) >> 33 AS peak FROM (
	SELECT host, max(n * 8589934592 - t) AS m FROM (
		SELECT host, t, CAST(sum(d) OVER (PARTITION BY host ORDER BY t) AS BIGINT) AS n FROM (
			SELECT host, t, sum(d) AS d FROM (
				SELECT host, CASE WHEN a < 1790985600 THEN 1790985600 ELSE a END AS t, 1 AS d FROM stays
				WHERE b > 1790985600 AND product LIKE 'http://microsoft.com/win/%'
				UNION ALL
				SELECT host, b AS t, -1 AS d FROM stays
				WHERE b > 1790985600 AND product LIKE 'http://microsoft.com/win/%'
			) x GROUP BY host, t
		) y
	) z GROUP BY host
) w;
