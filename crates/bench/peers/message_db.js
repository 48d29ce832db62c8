// How many events a second does Message DB append? Its own installer, its function `write_message` as a prepared statement, node-postgres's pool of 10 connections.

import { execFileSync } from 'node:child_process';
import pg from 'pg';
import { v7 as uuid } from 'uuid';
import { DATABASE_URL, takePart } from './rounds.js';

/** A version that only a stream without messages has. */
const NOTHING_YET = -1;

install(new URL(DATABASE_URL));
const pool = new pg.Pool({ connectionString: DATABASE_URL, options: '-c search_path=message_store,public' });
await takePart((id, data) =>
    pool.query({
        name: 'write_message',
        text: 'select write_message($1, $2, $3, $4, $5, $6)',
        values: [uuid(), `patient-${id}`, process.env.EVENT_TYPE, data, null, NOTHING_YET],
    }),
);
await pool.end();

function install({ hostname, port, username, password, pathname }) {
    const psql = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: decodeURIComponent(password) };
    execFileSync('bash', [new URL('node_modules/@eventide/message-db/database/install.sh', import.meta.url).pathname], {
        env: { ...process.env, ...psql, DATABASE_NAME: pathname.slice(1), CREATE_DATABASE: 'off' },
        stdio: ['ignore', 'ignore', 'inherit'],
    });
}
