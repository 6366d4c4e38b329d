// SPDX-License-Identifier: Apache-2.0
// DuckDB over the estate's tables: node duck.mjs FOLDER STATEMENTS OUT THREADS.
// Prints the seconds of loading and of asking, and the processor's of asking. Run where @duckdb/node-api is
// installed.
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const [folder, statements, out, threads] = process.argv.slice(2);
const db = await (await DuckDBInstance.create(':memory:', { threads })).connect();
const quoted = (path) => `'${path.replaceAll("'", "''")}'`;

const loading = performance.now();
for (const table of ['events', 'machines', 'hosts'])
	await db.run(`CREATE TABLE ${table} AS FROM read_csv(${quoted(`${folder}/${table}.csv`)}, header = true,
		nullstr = 'NULL')`);
await db.run("UPDATE machines SET edition = '' WHERE edition IS NULL");
const asking = performance.now();
const before = process.cpuUsage();
for (const statement of readFileSync(statements, 'utf8').split(/;\n/))
	if (statement.trim())
		await db.run(statement);
const end = performance.now();
const used = process.cpuUsage(before);
for (const table of ['usage', 'windows'])
	await db.run(`COPY ${table} TO ${quoted(`${out}/${table}.csv`)} (HEADER, FORCE_QUOTE *)`);
const version = (await (await db.run('SELECT version()')).getRows())[0][0];
console.log(JSON.stringify({ version, load: (asking - loading) / 1000, ask: (end - asking) / 1000,
	cpu: (used.user + used.system) / 1e6 }));
