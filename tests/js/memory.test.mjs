/** What ten thousand events leave behind, as the garbage collector sees it. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Connector } from "../../django_voipcti/static/django_voipcti/connector.js";
import { FakeClock, FakeSurroundings, event, fakeNetwork, settled, snapshot } from "./fakes.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** Bytes that are still reachable. */
async function reachable() {
  for (let round = 0; round < 4; round++) {
    await settled();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** A fifth of what one event weighs, times their number: a connector that kept every fifth would be found. */
const EVENTS = 10_000;
const BOUND = (EVENTS / 5) * JSON.stringify(event(1, "RINGING")).length;

async function connected(onMessage) {
  const { FakeSocket, newest } = fakeNetwork();
  const surroundings = new FakeSurroundings();
  const connector = new Connector({ url: "wss://crm.example/", WebSocket: FakeSocket, clock: new FakeClock(), surroundings, onMessage });
  await settled();
  newest().open();
  newest().say(snapshot());
  newest().accept("hello");
  await settled();
  let id = 0;
  const play = (events) => {
    for (let number = 0; number < events / 4; number++) {
      const call = `call-${id}`;
      for (const name of ["RINGING", "CONNECTED", "ON_HOLD", "HANGUP"]) newest().say(event(++id, name, { id: call }));
    }
  };
  return { connector, play };
}

it("ten thousand events leave the memory as it was", async () => {
  let heard = 0;
  const { connector, play } = await connected(() => heard++);
  play(4_000); // what is remembered on purpose is full now
  const before = await reachable();
  play(EVENTS);
  const grown = (await reachable()) - before;
  assert.equal(heard, 1 + 4_000 + EVENTS);
  assert.deepEqual(connector.calls, []);
  assert.ok(grown < BOUND, `grown by ${grown} bytes`);
});

it("a page that keeps what it hears is found out by the same measure", async () => {
  const kept = [];
  const { play } = await connected((message) => kept.push(message));
  play(4_000);
  const before = await reachable();
  play(EVENTS);
  const grown = (await reachable()) - before;
  assert.ok(kept.length && grown > BOUND, `grown by ${grown} bytes only`);
});
