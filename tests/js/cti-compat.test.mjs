/**
 * The global `Cti`: a page written for VoIPstudio's original connector works, and the original's faults stay away.
 * The faults are numbered as in the list of what was observed there.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { runInThisContext, Script, constants } from "node:vm";

import { FakeClock, FakeSurroundings, call, event, fakeNetwork, line, settled, snapshot } from "./fakes.mjs";

const FOLDER = new URL("../../django_voipcti/static/django_voipcti/", import.meta.url);
const SOURCE = readFileSync(new URL("cti-compat.js", FOLDER), "utf8");

/** Run the script as a `<script src=…>` tag does, and return what it leaves behind. */
function load(dataset = {}) {
  const before = new Set(runInThisContext("Object.getOwnPropertyNames(globalThis)"));
  globalThis.document = { currentScript: { src: new URL("cti-compat.js", FOLDER).href, dataset } };
  try {
    const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
    new Script(SOURCE, { importModuleDynamically }).runInThisContext();
  } finally {
    delete globalThis.document;
  }
  const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name));
  const { Cti } = globalThis;
  delete globalThis.Cti;
  return { Cti, added };
}

const { Cti, added } = load();

function setUp(options = {}) {
  const network = fakeNetwork();
  const clock = new FakeClock();
  const heard = [];
  const connector = new Cti.Connector({
    url: "wss://crm.example/ws/voipcti/",
    WebSocket: network.FakeSocket,
    clock,
    surroundings: new FakeSurroundings(),
    random: () => 1,
    onMessage: (message) => heard.push(message),
    ...options,
  });
  return { ...network, clock, connector, heard, names: () => heard.map(({ name }) => name) };
}

async function join(world, shown = snapshot()) {
  await world.connector.connector;
  await settled();
  const socket = world.newest();
  socket.open();
  socket.say(shown);
  socket.accept("hello");
  await settled();
  return socket;
}

async function connected(shown) {
  const world = setUp();
  return { ...world, socket: await join(world, shown) };
}

const watched = (fields) => call({ id: "50", line: "9", ...fields });

describe("the global", () => {
  it("is Cti, the only one, with what the original had", () => {
    assert.deepEqual(added, ["Cti"]);
    assert.deepEqual(Object.keys(Cti).sort(), ["CALL_STATUS", "Connector", "DIRECTION", "EVENT", "log"]);
    assert.deepEqual(Cti.DIRECTION, { INBOUND: "INBOUND", OUTBOUND: "OUTBOUND" });
  });

  it("has the constants of the module", async () => {
    const module = await import(new URL("connector.js", FOLDER));
    for (const name of ["EVENT", "DIRECTION", "CALL_STATUS"]) assert.deepEqual({ ...Cti[name] }, { ...module[name] });
  });

  it("has every method of the original, and of the module where they mean the same", () => {
    const original = ["isConnected", "login", "twoFactorAuth", "logout", "call", "answer", "terminate", "transfer"];
    for (const name of [...original, "subscribe", "getSubscriptionURIs", "apiRequest", "hold", "resume"])
      assert.equal(typeof Cti.Connector.prototype[name], "function", name);
  });

  it("logs to the console", (context) => {
    const print = context.mock.method(console, "log", () => {});
    Cti.log("a", 1);
    assert.deepEqual(print.mock.calls[0].arguments, ["[Cti]", "a", 1]);
  });

  it("loads the module whose address the tag names, so that hashed file names work", async () => {
    const { Cti: other } = load({ connector: "panel.js" });
    await assert.rejects(new other.Connector().connector, /is not a constructor/);
  });
});

describe("a page of the original", () => {
  it("logs in right after the constructor and hears what it waits for, in the original's order", async () => {
    const world = setUp();
    const outcome = world.connector.login("grace@crm.example", "secret");
    const socket = await join(world, snapshot({ lines: [] }));
    assert.deepEqual(
      [socket.last("login").email, socket.last("login").password],
      ["grace@crm.example", "secret"],
    );
    socket.accept("login", { secondFactor: false });
    await outcome;
    socket.say({ type: "event", name: "LOGGED_IN", message: "", line: line({ status: "LOGGED_IN" }) });
    socket.say({ type: "event", name: "READY", message: "", line: line() });
    assert.deepEqual(world.names(), ["LOGGED_IN", "SUBSCRIBED", "READY"]);
    assert.equal(world.heard[1].uri, "user:201");
    assert.deepEqual(world.connector.getSubscriptionURIs(), ["user:201"]);
    assert.equal(world.connector.isConnected(), true);
  });

  it("finds itself subscribed and ready after a reload", async () => {
    const { names } = await connected();
    assert.deepEqual(names(), ["SUBSCRIBED", "READY"]);
  });

  it("answers a second factor", async () => {
    const world = setUp();
    world.connector.login("grace@crm.example", "secret");
    const socket = await join(world, snapshot({ lines: [] }));
    socket.say({ type: "event", name: "TWO_FACTOR_AUTH", message: "", nonce: "n1" });
    world.connector.twoFactorAuth("123456", world.heard.at(-1).nonce);
    await settled();
    assert.deepEqual([socket.last("two_factor_auth").code, socket.last("two_factor_auth").nonce], ["123456", "n1"]);
  });

  it("is told that a login failed when no server came in time", async () => {
    const { connector, clock, heard } = setUp();
    const outcome = connector.login("key");
    await connector.connector;
    await settled();
    await clock.advance(15_000);
    await assert.rejects(outcome, { code: "not_connected" });
    assert.equal(heard.at(-1).name, "ERROR");
  });

  it("calls, and follows the call through every state with the original's fields", async () => {
    const { connector, socket, heard } = await connected();
    connector.call("020 7946 0018");
    assert.equal(socket.last("call").number, "020 7946 0018");
    const states = ["INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "ON_HOLD", "HANGUP"];
    states.forEach((state, index) => socket.say(event(index + 1, state, { direction: "OUTBOUND" })));
    const told = heard.slice(2);
    assert.deepEqual(
      told.map(({ name, call: { status } }) => [name, status]),
      states.map((state) => [Cti.EVENT[state], Cti.CALL_STATUS[state]]),
    );
    const fields = "id cid cause direction destination destinationName source sourceName status".split(" ");
    for (const message of told) for (const field of fields) assert.equal(typeof message.call[field], "string", field);
  });

  it("ends, transfers and asks for the interface as before", async () => {
    const { connector, socket } = await connected(snapshot({ calls: [call({ status: "CONNECTED" })] }));
    connector.transfer("7", "601");
    connector.hold("7");
    connector.resume("7");
    connector.terminate("7");
    connector.apiRequest("DELETE", "/calls/7");
    connector.logout();
    assert.deepEqual(
      socket.sent.slice(-6).map(({ action }) => action),
      ["transfer", "hold", "resume", "terminate", "terminate", "logout"],
    );
  });

  it("may name an apiEndpoint, which changes nothing, and needs no callback", async () => {
    const world = setUp({ apiEndpoint: "https://api.example/", onMessage: undefined });
    await join(world);
    assert.equal(world.connector.isConnected(), true);
  });

  for (const [node, code] of [
    ["queue:70001", "unsupported"],
    ["ivr:12", "unsupported"],
    ["conf:12", "unsupported"],
    ["cat:12", "invalid_node"],
  ]) {
    it(`is told with the server's reason why ${node} cannot be subscribed to`, async () => {
      const { connector, socket, heard } = await connected();
      const outcome = connector.subscribe(node);
      assert.equal(socket.last("subscribe").node, node);
      socket.refuse("subscribe", { name: "INFO", code, message: "Because." });
      await assert.rejects(outcome, { code });
      assert.equal(heard.at(-1).message, "Because.");
      assert.deepEqual(connector.getSubscriptionURIs(), ["user:201"]);
    });
  }
});

describe("before the module is loaded", () => {
  it("what dials is refused at once and never sent", async () => {
    const world = setUp();
    const failures = [];
    const outcome = world.connector.call("201");
    world.connector.apiRequest("POST", "/calls", { to: "201" }, null, (error) => failures.push(error.code));
    assert.deepEqual([world.names(), failures], [["ERROR"], ["not_connected"]]);
    assert.equal(world.connector.isConnected(), false);
    assert.deepEqual(world.connector.getSubscriptionURIs(), []);
    await assert.rejects(outcome, { code: "not_connected" });
    const socket = await join(world);
    assert.equal(socket.last("call"), undefined);
  });

  it("speaks the language of the tag", async () => {
    const { Cti: german } = load({ messages: JSON.stringify({ not_connected: "Keine Verbindung." }) });
    const heard = [];
    const connector = new german.Connector({ connect: false, url: "wss://x/", onMessage: (one) => heard.push(one) });
    connector.call("201");
    assert.equal(heard[0].message, "Keine Verbindung.");
    await (await connector.connector).call("201").catch((error) => assert.equal(error.message, "Keine Verbindung."));
  });
});

describe("faults of the original stay away:", () => {
  it("1. the event and the status of a hang-up are the same word", () => {
    assert.equal(Cti.EVENT.HANGUP, Cti.CALL_STATUS.HANGUP);
  });

  it("2. the cause of a cancelled call is what the server says, however long it took", async () => {
    const { socket, heard, clock } = await connected();
    socket.say({ type: "pong" });
    socket.say(event(1, "INITIAL", { direction: "OUTBOUND" }));
    await clock.advance(20_000);
    socket.say(event(2, "CANCEL", { direction: "OUTBOUND", cause: "Busy" }));
    assert.equal(heard.at(-1).call.cause, "Busy");
  });

  it("3. a lost connection is no logout, and a login after it works", async () => {
    const world = await connected();
    world.socket.drop();
    await world.clock.advance(1_000);
    assert.equal(world.names().includes("LOGGED_OUT"), false);
    assert.equal(world.connector.isConnected(), false);
    const outcome = world.connector.login("key");
    const socket = await join(world);
    socket.accept("login", { secondFactor: false });
    assert.deepEqual(await outcome, { secondFactor: false });
  });

  it("4. the connection is kept alive after a logout and a new login too", async () => {
    const { connector, socket, clock } = await connected();
    socket.say({ type: "pong" });
    connector.logout();
    socket.accept("logout");
    connector.login("key");
    await settled();
    socket.accept("login");
    await clock.advance(25_000);
    assert.equal(socket.sent.filter(({ action }) => action === "ping").length, 2);
  });

  it("5. every subscription is renewed after a drop, and no event comes twice", async () => {
    const world = await connected();
    for (const node of ["user:1001", "user:1002"]) {
      world.connector.subscribe(node);
      world.socket.accept("subscribe", { uri: node });
      world.socket.say({ type: "event", name: "SUBSCRIBED", message: "", uri: node });
    }
    await settled();
    world.socket.drop();
    await world.clock.advance(1_000);
    const socket = await join(world);
    assert.deepEqual(
      socket.sent.filter(({ action }) => action === "subscribe").map(({ node }) => node),
      ["user:1001", "user:1002"],
    );
    assert.deepEqual(world.connector.getSubscriptionURIs(), ["user:201", "user:1001", "user:1002"]);
    socket.say(event(5, "RINGING"));
    socket.say(event(5, "RINGING"));
    assert.equal(world.names().filter((name) => name === "RINGING").length, 1);
  });

  it("6. two connectors share nothing, and ended calls are forgotten", async () => {
    const one = await connected();
    const other = await connected();
    one.socket.say(event(1, "RINGING"));
    one.socket.say({ type: "event", name: "SUBSCRIBED", message: "", uri: "user:1001" });
    assert.equal((await one.connector.connector).calls.length, 1);
    assert.equal((await other.connector.connector).calls.length, 0);
    assert.deepEqual(other.connector.getSubscriptionURIs(), ["user:201"]);
    one.socket.say(event(2, "HANGUP"));
    assert.equal((await one.connector.connector).calls.length, 0);
  });

  it("7. answer() never names a colleague's call: the server picks among the user's own", async () => {
    const { connector, socket } = await connected();
    socket.say({ type: "event", id: 1, name: "RINGING", call: watched({ status: "RINGING" }) });
    connector.answer();
    assert.equal("call" in socket.last("answer"), false);
  });

  it("8. a message that makes no sense is passed over, and the next one counts", async () => {
    const { socket, names } = await connected();
    socket.say("<dialog-info");
    socket.say({ type: "event" });
    socket.say(event(1, "RINGING"));
    assert.equal(names().at(-1), "RINGING");
  });

  it("9. a call to oneself is refused by the server, which knows all of the user's numbers", async () => {
    const { connector, socket, heard } = await connected();
    const outcome = connector.call("201");
    socket.refuse("call", { name: "ERROR", code: "own_number", message: "This is your own number." });
    await assert.rejects(outcome, { code: "own_number" });
    assert.equal(heard.at(-1).message, "This is your own number.");
  });

  it("10. a subscription before the login is refused, not thrown", async () => {
    const { connector, names } = setUp();
    await assert.rejects(connector.subscribe("user:1001"), { code: "not_connected" });
    assert.deepEqual(names(), ["ERROR"]);
  });

  it("11. a refusal without a body is told as an error", async () => {
    const { connector, socket, heard } = await connected();
    connector.terminate("7");
    socket.say({ type: "reply", ref: socket.last("terminate").ref, ok: false, error: null });
    assert.deepEqual([heard.at(-1).name, heard.at(-1).code], ["ERROR", "no_reason"]);
  });

  it("12. two calls in one millisecond are two calls", async () => {
    const { connector, socket } = await connected();
    const outcomes = [connector.call("201"), connector.call("202")];
    const asked = socket.sent.filter(({ action }) => action === "call");
    assert.notEqual(asked[0].ref, asked[1].ref);
    asked.forEach(({ ref }, index) => socket.say({ type: "reply", ref, ok: true, data: { call: `${index + 1}` } }));
    assert.deepEqual(await Promise.all(outcomes), [{ call: "1" }, { call: "2" }]);
  });

  it("13. nothing is kept in the page's storage", async () => {
    const touched = [];
    for (const name of ["localStorage", "sessionStorage"])
      Object.defineProperty(globalThis, name, { configurable: true, get: () => touched.push(name) });
    try {
      const { connector, socket } = await connected();
      connector.login("key");
      await settled();
      socket.accept("login");
      connector.logout();
      assert.deepEqual(touched, []);
    } finally {
      delete globalThis.localStorage;
      delete globalThis.sessionStorage;
    }
  });

  it("14. there is one build: what a page loads is what is tested here", () => {
    assert.doesNotMatch(SOURCE, /\.min\.js|sourceMappingURL/);
  });
});
