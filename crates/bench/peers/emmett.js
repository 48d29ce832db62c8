// How many events a second does Emmett append? Its event store as its "Getting started" makes it: node-postgres's pool of 10 connections.

import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { DATABASE_URL, takePart } from './rounds.js';

/** `STREAM_DOES_NOT_EXIST` would say the same, but Emmett 0.42 doesn't check it: it appends to whatever is there. */
const NOTHING_YET = 0n;

const store = getPostgreSQLEventStore(DATABASE_URL);
await store.schema.migrate();
await takePart((id, data) =>
    store.appendToStream(`patient-${id}`, [{ type: process.env.EVENT_TYPE, data }], { expectedStreamVersion: NOTHING_YET }),
);
await store.close();
