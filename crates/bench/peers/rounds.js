// How does a peer that speaks Node take part? As a process that measures a round for each line it is sent, and answers with appends a second.

import { createInterface } from 'node:readline';
import { v7 as uuid } from 'uuid';

const CALLERS = Number(process.env.CALLERS);
const WARM_UP_MS = Number(process.env.WARM_UP_MS);
const ROUND_MS = Number(process.env.ROUND_MS);
const TEMPLATE = JSON.parse(process.env.EVENT);

/** Without sqlx's parameters, which mean something else to node-postgres. */
export const DATABASE_URL = process.env.DATABASE_URL.split('?')[0];

/** Until nothing more is sent. `append` stores one event, the first of a stream. */
export async function takePart(append) {
    console.log('ready');
    for await (const _ of createInterface({ input: process.stdin })) {
        console.log(await appendsASecond(append));
    }
}

/** Each of the callers sends its next one as soon as it has the answer to the one before, as in harness.rs. */
async function appendsASecond(append) {
    const began = performance.now();
    const elapsed = () => performance.now() - began;
    let done = 0;
    const call = async () => {
        while (elapsed() < WARM_UP_MS) {
            await append(...registration());
        }
        while (elapsed() < WARM_UP_MS + ROUND_MS) {
            await append(...registration());
            done += 1;
        }
    };
    await Promise.all(Array.from({ length: CALLERS }, call));
    return (done * 1000) / (elapsed() - WARM_UP_MS);
}

/** A new patient: an id, and the event that is the same for all but for the number. */
function registration() {
    const id = uuid();
    return [id, { ...TEMPLATE, patient: { ...TEMPLATE.patient, patient_number: id } }];
}
