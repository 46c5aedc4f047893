/** The connector: what it tells a page, what it does about a bad network, and what it never does. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  ActionRefused,
  CONNECTION,
  Connector,
  EVENT,
  backoff,
  enableClickToCall,
} from "../../django_voipcti/static/django_voipcti/connector.js";
import { FakeClock, FakeSurroundings, call, event, fakeNetwork, line, settled, snapshot } from "./fakes.mjs";

function setUp(options = {}) {
  const network = fakeNetwork();
  const clock = new FakeClock();
  const surroundings = new FakeSurroundings();
  const heard = [];
  const connector = new Connector({
    url: "wss://crm.example/ws/voipcti/",
    WebSocket: network.FakeSocket,
    clock,
    surroundings,
    random: () => 1,
    onMessage: (message) => heard.push(message),
    ...options,
  });
  return { ...network, clock, surroundings, connector, heard, names: () => heard.map(({ name }) => name) };
}

/** Bring the newest socket to the point where everything is known. */
async function join(world, shown = snapshot(), greeting = {}) {
  await settled();
  const socket = world.newest();
  socket.open();
  socket.say(shown);
  socket.accept("hello", greeting);
  await settled();
  return socket;
}

async function connected(options, shown) {
  const world = setUp(options);
  return { ...world, socket: await join(world, shown) };
}

describe("connecting", () => {
  it("opens one socket, after listeners could be added", async () => {
    const { sockets } = setUp();
    assert.equal(sockets.length, 0);
    await settled();
    assert.deepEqual(
      sockets.map(({ url }) => url),
      ["wss://crm.example/ws/voipcti/"],
    );
  });

  it("waits for connect() when told so", async () => {
    const { connector, sockets } = setUp({ connect: false });
    await settled();
    assert.equal(sockets.length, 0);
    connector.connect();
    connector.connect();
    assert.equal(sockets.length, 1);
  });

  it("is connected once a line is ready, and says so as READY", async () => {
    const { connector, heard } = await connected();
    assert.equal(connector.isConnected(), true);
    assert.deepEqual(
      heard.map(({ name, line: shown }) => [name, shown.id]),
      [["READY", "1"]],
    );
  });

  it("is not connected while no line is ready", async () => {
    const { connector, names } = await connected({}, snapshot({ lines: [line({ status: "LOGGED_OUT" })] }));
    assert.equal(connector.online, true);
    assert.equal(connector.isConnected(), false);
    assert.deepEqual(names(), []);
  });

  it("tells the calls that are live as events under their present state", async () => {
    const { connector, heard } = await connected({}, snapshot({ upTo: 9, calls: [call({ status: "CONNECTED" })] }));
    assert.deepEqual(
      heard.filter((message) => message.call).map(({ name, call: { id } }) => [name, id]),
      [["CONNECTED", "7"]],
    );
    assert.deepEqual(
      connector.calls.map(({ id }) => id),
      ["7"],
    );
    assert.equal(connector.lastEventId, 9);
  });

  it("knows the server's time from its greeting", async () => {
    const world = setUp();
    await join(world, snapshot(), {
      now: new Date(world.clock.now() + 5000).toISOString(),
      user: { id: "3", name: "Grace" },
    });
    assert.equal(world.connector.serverNow(), world.clock.now() + 5000);
    assert.deepEqual(world.connector.user, { id: "3", name: "Grace" });
  });

  it("starts afresh when the server does not greet in time", async () => {
    const { clock, sockets, newest } = setUp();
    await settled();
    newest().open();
    await clock.advance(15_000);
    assert.equal(sockets[0].isClosed, true);
    await clock.advance(1_000);
    assert.equal(sockets.length, 2);
  });

  it("says that somebody signed out, and does not come back for more", async () => {
    const { clock, sockets, socket, connector, heard } = await connected();
    socket.drop(4401);
    await clock.advance(600_000);
    assert.equal(sockets.length, 1);
    assert.equal(connector.state, CONNECTION.CLOSED);
    assert.equal(heard.at(-1).code, "not_authenticated");
  });
});

describe("call events", () => {
  it("reach listeners by name and onMessage, and keep the list of live calls", async () => {
    const { connector, socket, names } = await connected();
    const rung = [];
    connector.on(EVENT.RINGING, ({ call: { id } }) => rung.push(id));
    socket.say(event(1, "RINGING"));
    socket.say(event(2, "CONNECTED"));
    assert.deepEqual(
      connector.calls.map(({ status }) => status),
      ["CONNECTED"],
    );
    socket.say(event(3, "HANGUP"));
    assert.deepEqual(connector.calls, []);
    assert.deepEqual(rung, ["7"]);
    assert.deepEqual(names(), ["READY", "RINGING", "CONNECTED", "HANGUP"]);
  });

  it("stop reaching a listener that unsubscribed", async () => {
    const { connector, socket } = await connected();
    const seen = [];
    const stop = connector.on("RINGING", (message) => seen.push(message));
    stop();
    socket.say(event(1, "RINGING"));
    assert.deepEqual(seen, []);
  });

  it("are told once, though they come twice", async () => {
    const { socket, names } = await connected();
    socket.say(event(1, "RINGING"));
    socket.say(event(1, "RINGING"));
    assert.deepEqual(names(), ["READY", "RINGING"]);
  });

  it("never move a call backwards when they come late", async () => {
    const { connector, socket, names } = await connected();
    socket.say(event(2, "CONNECTED"));
    socket.say(event(1, "RINGING"));
    socket.say(event(3, "HANGUP"));
    socket.say(event(2, "CONNECTED"));
    assert.deepEqual(names(), ["READY", "CONNECTED", "HANGUP"]);
    assert.deepEqual(connector.calls, []);
  });

  it("keep what the first one told of the caller", async () => {
    const { connector, socket } = await connected();
    const matches = [{ label: "Ada Lovelace" }];
    socket.say(event(1, "RINGING", { matches, lastCalls: [{ id: "3" }] }));
    socket.say(event(2, "CONNECTED"));
    assert.deepEqual(connector.calls[0].matches, matches);
    assert.deepEqual(connector.calls[0].lastCalls, [{ id: "3" }]);
  });

  it("reach the other listeners when one of them throws", async (context) => {
    const thrown = [];
    const onThrow = (error) => thrown.push(error.message);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", onThrow);
    context.after(() => {
      process.off("uncaughtException", onThrow);
      others.forEach((listener) => process.on("uncaughtException", listener));
    });
    const { connector, socket, names } = await connected();
    connector.on("RINGING", () => {
      throw new Error("broken page");
    });
    socket.say(event(1, "RINGING"));
    await settled();
    assert.deepEqual(names(), ["READY", "RINGING"]);
    assert.deepEqual(thrown, ["broken page"]);
  });

  it("leave no memory behind: ten thousand calls come and go", async () => {
    const { connector, socket } = await connected({ onMessage: undefined });
    for (let number = 1; number <= 10_000; number++) {
      socket.say(event(2 * number - 1, "RINGING", { id: String(number) }));
      socket.say(event(2 * number, "HANGUP", { id: String(number) }));
    }
    assert.deepEqual(connector.calls, []);
    assert.equal(connector.lastEventId, 20_000);
    // What is remembered to recognise repeats is limited too: of the last calls, not of the first.
    const told = [];
    connector.on("HANGUP", ({ call: { id } }) => told.push(id));
    socket.say(event(20_000, "HANGUP", { id: "10000" }));
    socket.say(event(2, "HANGUP", { id: "1" }));
    assert.deepEqual(told, ["1"]);
  });

  it("are separate for two connectors of one page", async () => {
    const one = await connected();
    const other = await connected();
    one.socket.say(event(1, "RINGING"));
    assert.equal(one.connector.calls.length, 1);
    assert.equal(other.connector.calls.length, 0);
  });
});

describe("messages that make no sense", () => {
  for (const [what, text] of [
    ["no JSON", "{"],
    ["no object", "7"],
    ["null", "null"],
    ["another version", JSON.stringify({ v: 2, type: "event", name: "RINGING", id: 1 })],
    ["an unknown type", JSON.stringify({ v: 1, type: "weather" })],
  ]) {
    it(`are passed over: ${what}`, async () => {
      const { socket, connector, names } = await connected();
      socket.say(text);
      socket.say(event(1, "RINGING"));
      assert.deepEqual(names(), ["READY", "RINGING"]);
      assert.equal(connector.online, true);
    });
  }
});

describe("preferences", () => {
  it("are known from the greeting, and change on every page", async () => {
    const world = setUp();
    await join(world, snapshot(), { preferences: { popOn: "ring", doNotDisturb: false } });
    assert.deepEqual({ ...world.connector.preferences }, { popOn: "ring", doNotDisturb: false });
    const told = [];
    world.connector.on("preferences", (preferences) => told.push(preferences.doNotDisturb));
    world.newest().say({ type: "preferences", preferences: { popOn: "ring", doNotDisturb: true } });
    assert.deepEqual(told, [true]);
    assert.equal(world.connector.preferences.doNotDisturb, true);
  });
});

describe("a transfer after asking", () => {
  it("is asked for, completed or taken back by three actions, and resolves to the call that is meant", async () => {
    const { connector, socket } = await connected();
    const asked = [
      ["consult", connector.consult("7", 602), { call: "7", number: "602" }, { call: "8", command: "1" }],
      ["complete_transfer", connector.completeTransfer("8"), { call: "8" }, { call: "7", command: "2" }],
      ["return_to_call", connector.returnToCall("8"), { call: "8" }, { call: "7", command: "3" }],
    ];
    for (const [action, promise, fields, answer] of asked) {
      const { action: _action, ref: _ref, ...sent } = socket.last(action);
      assert.deepEqual(sent, fields);
      socket.accept(action, answer);
      assert.deepEqual(await promise, answer);
    }
  });

  it("is refused at once while there is no connection, and tells why as an event", async () => {
    const { connector, socket, names } = await connected();
    socket.drop();
    await assert.rejects(connector.consult("7", "602"), { code: "not_connected" });
    await assert.rejects(connector.completeTransfer("8"), { code: "not_connected" });
    assert.deepEqual(names(), ["READY", "ERROR", "ERROR"]);
    assert.deepEqual(socket.sent.filter(({ action }) => action.includes("transfer") || action === "consult"), []);
  });
});

describe("who is calling", () => {
  const ADA = call().contact;
  const MATCHES = [ADA, { ...ADA, objectId: "2", label: "Alan" }];
  const known = (fields) => ({ type: "call", call: call(fields) });

  it("is asked and answered by four actions", async () => {
    const { connector, socket } = await connected();
    const asked = [
      ["choose", connector.choose("7", "crm.contact", "2"), { call: "7", model: "crm.contact", objectId: "2" }, {}],
      ["forget", connector.forget("7"), { call: "7" }, {}],
      ["attach", connector.attach("7", "crm.contact", 2), { call: "7", model: "crm.contact", objectId: "2" }, { linked: 3 }],
      ["suggest", connector.suggest("ada"), { text: "ada" }, { records: MATCHES }],
    ];
    for (const [action, , fields, answer] of asked) {
      const { action: _action, ref: _ref, ...sent } = socket.last(action);
      assert.deepEqual(sent, fields);
      socket.accept(action, answer);
    }
    assert.deepEqual(await asked[2][1], { linked: 3 });
    assert.deepEqual(await asked[3][1], MATCHES);
  });

  it("is not chosen where the record may not be known, and nothing is asked", async () => {
    const { connector, socket } = await connected();
    await assert.rejects(connector.choose("7", "crm.contact", ""), { code: "missing_argument" });
    assert.equal(socket.last("choose"), undefined);
  });

  it("is told as an event when it is refused, save a search that goes on with the next letter", async () => {
    const { connector, socket, names } = await connected();
    const chosen = connector.choose("7", "crm.contact", "2");
    socket.refuse("choose", { name: "ERROR", code: "not_allowed", message: "No." });
    await assert.rejects(chosen, { code: "not_allowed" });
    const found = connector.suggest("ada");
    socket.refuse("suggest", { name: "ERROR", code: "too_many_requests", message: "Slowly." });
    await assert.rejects(found, { code: "too_many_requests" });
    assert.deepEqual(names(), ["READY", "ERROR"]);
  });

  it("changes a call in place without an event", async () => {
    const { connector, socket, names } = await connected();
    const told = [];
    connector.on("call", ({ call: { contact } }) => told.push(contact));
    socket.say(event(1, "RINGING", { contact: null }));
    socket.say(known({ contact: ADA, learned: true }));
    assert.deepEqual(told, [ADA]);
    assert.deepEqual(connector.calls.map(({ contact, learned }) => [contact, learned]), [[ADA, true]]);
    assert.deepEqual(names(), ["READY", "RINGING"]);
  });

  it("never takes a call back to an earlier state", async () => {
    const { connector, socket } = await connected();
    socket.say(event(1, "RINGING"));
    socket.say(event(2, "CONNECTED", { answeredAt: "2026-01-02T10:00:03.000+00:00" }));
    socket.say(known({ status: "RINGING", learned: true }));
    const [shown] = connector.calls;
    assert.deepEqual(
      [shown.status, shown.answeredAt, shown.learned],
      ["CONNECTED", "2026-01-02T10:00:03.000+00:00", true],
    );
  });

  it("is told of a call that has ended, but brings none back", async () => {
    const { connector, socket } = await connected();
    const told = [];
    connector.on("call", ({ call: { status } }) => told.push(status));
    socket.say(event(1, "RINGING"));
    socket.say(event(2, "HANGUP"));
    socket.say(known({ status: "RINGING" }));
    socket.say(known({ status: "HANGUP", learned: true }));
    assert.deepEqual([told, connector.calls], [["HANGUP"], []]);
  });

  it("stays with the call when later events do not repeat it", async () => {
    const about = { countryName: "France" };
    const directory = [{ label: "Kestrel", company: "", url: "", source: "suppliers" }];
    const { connector, socket } = await connected();
    socket.say(event(1, "RINGING", { matches: MATCHES, about, directory }));
    socket.say(event(2, "CONNECTED"));
    const [shown] = connector.calls;
    assert.deepEqual([shown.matches, shown.about, shown.directory], [MATCHES, about, directory]);
  });
});

describe("a call that was dismissed elsewhere", () => {
  it("is told under its own name, and is no event of the call", async () => {
    const { connector, socket, names } = await connected({}, snapshot({ calls: [call()] }));
    const dismissed = [];
    connector.on("dismissed", (message) => dismissed.push(message));
    socket.say({ type: "dismissed", call: "7" });
    assert.deepEqual(dismissed, [{ call: "7" }]);
    assert.deepEqual(names(), ["READY", "RINGING"]);
    assert.equal(connector.calls.length, 1);
  });
});

describe("session events", () => {
  it("tell how a line stands", async () => {
    const { connector, socket, heard } = await connected();
    socket.say({ type: "event", name: "LOGGED_OUT", message: "Logged out.", line: line({ status: "LOGGED_OUT" }) });
    assert.equal(connector.isConnected(), false);
    assert.equal(heard.at(-1).message, "Logged out.");
    socket.say({ type: "event", name: "READY", message: "Ready.", line: line() });
    assert.equal(connector.isConnected(), true);
  });

  it("carry the nonce of a second factor", async () => {
    const { connector, socket, heard } = await connected();
    connector.login("grace@crm.example", "secret");
    assert.deepEqual(
      { ...socket.last("login"), ref: "" },
      { action: "login", ref: "", email: "grace@crm.example", password: "secret" },
    );
    socket.say({ type: "event", name: "TWO_FACTOR_AUTH", message: "Enter the code.", nonce: "n-1" });
    assert.equal(heard.at(-1).nonce, "n-1");
    connector.twoFactorAuth("123456", "n-1");
    assert.deepEqual(
      { ...socket.last("two_factor_auth"), ref: "" },
      { action: "two_factor_auth", ref: "", code: "123456", nonce: "n-1" },
    );
  });

  it("list the own lines and what was subscribed to, each once", async () => {
    const { connector, socket } = await connected();
    for (const uri of ["user:1001", "user:1002", "user:1001"])
      socket.say({ type: "event", name: "SUBSCRIBED", message: "", uri });
    assert.deepEqual(connector.getSubscriptionURIs(), ["user:201", "user:1001", "user:1002"]);
  });
});

describe("actions", () => {
  const cases = [
    ["call", (connector) => connector.call("020 7946 0018"), { action: "call", number: "020 7946 0018" }],
    [
      "call from a line",
      (connector) => connector.call("201", { line: "2" }),
      { action: "call", number: "201", line: "2" },
    ],
    ["a number given as a number", (connector) => connector.call(201), { action: "call", number: "201" }],
    ["answer whatever rings", (connector) => connector.answer(), { action: "answer" }],
    ["answer one call", (connector) => connector.answer("7"), { action: "answer", call: "7" }],
    ["terminate", (connector) => connector.terminate("7"), { action: "terminate", call: "7" }],
    ["transfer", (connector) => connector.transfer("7", "601"), { action: "transfer", call: "7", number: "601" }],
    ["hold", (connector) => connector.hold("7"), { action: "hold", call: "7" }],
    ["resume", (connector) => connector.resume("7"), { action: "resume", call: "7" }],
    [
      "preferences",
      (connector) => connector.setPreferences({ doNotDisturb: true }),
      { action: "preferences", doNotDisturb: true },
    ],
    ["dismiss", (connector) => connector.dismiss("7"), { action: "dismiss", call: "7" }],
    [
      "shown",
      (connector) => connector.shown("7", "folded", { after: 12 }),
      { action: "shown", call: "7", how: "folded", hidden: false, after: 12 },
    ],
    ["login with a key", (connector) => connector.login("key"), { action: "login", apiKey: "key" }],
    ["logout", (connector) => connector.logout(), { action: "logout" }],
    ["subscribe", (connector) => connector.subscribe("user:1001"), { action: "subscribe", node: "user:1001" }],
  ];
  for (const [what, act, wanted] of cases) {
    it(`are sent as specified: ${what}`, async () => {
      const { connector, socket } = await connected();
      const outcome = act(connector);
      const { ref, ...sent } = socket.last(wanted.action);
      assert.deepEqual(sent, wanted);
      assert.match(ref, /^\d+$/);
      socket.accept(wanted.action, { call: "8" });
      assert.deepEqual(await outcome, { call: "8" });
    });
  }

  it("answer with the list of colleagues", async () => {
    const { connector, socket } = await connected();
    const asked = connector.colleagues();
    socket.accept("colleagues", { colleagues: [{ account: "2", name: "Alan", extension: "202" }] });
    assert.deepEqual(await asked, [{ account: "2", name: "Alan", extension: "202" }]);
  });

  it("that are refused reject with the reason, and are told as an event as well", async () => {
    const { connector, socket, heard } = await connected();
    const asked = connector.call("abc");
    socket.refuse("call", { name: "ERROR", code: "invalid_number", message: "This is no number." });
    await assert.rejects(
      asked,
      (error) =>
        error instanceof ActionRefused && error.code === "invalid_number" && error.message === "This is no number.",
    );
    assert.deepEqual(heard.at(-1), {
      name: "ERROR",
      code: "invalid_number",
      message: "This is no number.",
      ref: socket.last("call").ref,
    });
  });

  it("that are refused need nobody to catch them", async (context) => {
    const unhandled = [];
    const onUnhandled = (reason) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    context.after(() => process.off("unhandledRejection", onUnhandled));
    const { connector, socket } = await connected();
    connector.call("abc");
    socket.refuse("call", { name: "ERROR", code: "invalid_number", message: "" });
    connector.colleagues();
    socket.refuse("colleagues", { name: "INFO", code: "unsupported", message: "" });
    connector.subscribe("user:1");
    socket.refuse("subscribe", { name: "ERROR", code: "not_allowed", message: "" });
    connector.call("");
    connector.apiRequest("GET", "/me");
    await settled();
    assert.deepEqual(unhandled, []);
  });

  it("with something missing are refused before anything is sent", async () => {
    const { connector, socket, heard } = await connected();
    const sent = socket.sent.length;
    for (const act of [
      () => connector.call(""),
      () => connector.call("   "),
      () => connector.call(undefined),
      () => connector.call({}),
      () => connector.login(),
      () => connector.login("grace@crm.example", ""),
      () => connector.transfer("7"),
      () => connector.terminate(null),
      () => connector.twoFactorAuth("", "n"),
    ]) {
      await assert.rejects(act(), { code: "missing_argument" });
      assert.equal(heard.at(-1).name, "ERROR");
    }
    assert.equal(socket.sent.length, sent);
  });

  it("are refused with a sentence even if the server gives no reason", async () => {
    const { connector, socket, heard } = await connected();
    const outcome = connector.hold("7");
    socket.say({ type: "reply", ref: socket.last("hold").ref, ok: false });
    await assert.rejects(outcome, { code: "no_reason" });
    assert.match(heard.at(-1).message, /without a reason/);
  });

  it("before the connection stands are refused at once and never sent later", async () => {
    const world = setUp();
    await assert.rejects(world.connector.call("201"), { code: "not_connected" });
    const socket = await join(world);
    assert.deepEqual(
      socket.sent.map(({ action }) => action),
      ["hello", "ping"],
    );
  });

  it("while reconnecting are refused at once and never sent later", async () => {
    const world = await connected();
    world.socket.drop();
    await assert.rejects(world.connector.call("201"), { code: "not_connected" });
    await world.clock.advance(1_000);
    const again = await join(world);
    assert.equal(again.last("call"), undefined);
  });

  it("whose answer the connection took with it say that they may have been carried out", async () => {
    const { connector, socket } = await connected();
    const asked = connector.terminate("7");
    socket.drop();
    await assert.rejects(asked, { code: "connection_lost" });
  });

  it("without an answer in time say so", async () => {
    const { connector, clock, socket } = await connected();
    const asked = connector.hold("7");
    await Promise.all([
      assert.rejects(asked, { code: "timeout" }),
      clock
        .advance(7_000)
        .then(() => socket.say({ type: "pong" }))
        .then(() => clock.advance(14_000)),
    ]);
  });

  it("are limited in number while nothing is answered", async () => {
    const { connector } = await connected();
    for (let number = 0; number < 100; number++) connector.hold("7");
    await assert.rejects(connector.hold("7"), { code: "too_many_requests" });
  });

  it("use the page's language for what the connector itself refuses", async () => {
    const { connector } = await connected({ messages: { missing_argument: "Bitte alles ausfüllen." } });
    await assert.rejects(connector.call(""), { message: "Bitte alles ausfüllen." });
  });
});

describe("the original's raw interface", () => {
  const ringing = () => connected({}, snapshot({ calls: [call()] }));
  for (const [method, path, data, wanted] of [
    ["POST", "/calls", { to: "201" }, { action: "call", number: "201" }],
    ["patch", "calls/900", { dst: 202 }, { action: "transfer", call: "7", number: "202" }],
    ["PATCH", "/calls/7", { state: "CONNECTED" }, { action: "answer", call: "7" }],
    ["DELETE", "/calls/7/", undefined, { action: "terminate", call: "7" }],
    ["POST", "/logout", null, { action: "logout" }],
  ]) {
    it(`asks for the same in our words: ${method} ${path}`, async () => {
      const { connector, socket } = await ringing();
      const heard = [];
      const answered = connector.apiRequest(method, path, data, (answer) => heard.push(answer));
      const { ref: _ref, ...sent } = socket.last(wanted.action);
      assert.deepEqual(sent, wanted);
      socket.accept(wanted.action, { call: "7" });
      assert.deepEqual(await answered, { data: { call: "7" } });
      assert.deepEqual(heard, [{ data: { call: "7" } }]);
    });
  }

  it("knows the user, the calls, and whether anybody is there", async () => {
    const world = setUp();
    await join(world, snapshot({ calls: [call()] }), { user: { id: "3", name: "Grace" } });
    const ask = async (path) => (await world.connector.apiRequest("GET", path)).data;
    assert.deepEqual(await ask("/me"), { id: "3", name: "Grace" });
    assert.deepEqual(await ask("/ping"), {});
    assert.deepEqual(
      (await ask("/calls")).map(({ id }) => id),
      ["7"],
    );
    world.socket = world.newest().drop();
    await assert.rejects(world.connector.apiRequest("GET", "/ping"), { code: "not_connected" });
  });

  for (const [method, path, data] of [
    ["GET", "/recordings"],
    ["PATCH", "/calls/7", { action_url: "x" }],
    ["DELETE", "/calls"],
    ["DELETE", "/users/1"],
    [undefined, undefined],
  ]) {
    it(`refuses what needs the provider's token: ${method} ${path}`, async () => {
      const { connector, socket, heard } = await ringing();
      const sent = socket.sent.length;
      await assert.rejects(connector.apiRequest(method, path, data), { code: "not_supported" });
      assert.equal(heard.at(-1).code, "not_supported");
      assert.equal(socket.sent.length, sent);
    });
  }

  it("tells a refusal to the callback if there is one, else as an event", async () => {
    const { connector, socket, heard } = await ringing();
    const failures = [];
    connector.apiRequest("DELETE", "/calls/7", null, null, (error) => failures.push(error.code));
    socket.refuse("terminate", { name: "INFO", code: "wrong_state", message: "" });
    connector.apiRequest("POST", "/calls", {}, null, (error) => failures.push(error.code));
    await settled();
    assert.deepEqual(failures, ["wrong_state", "missing_argument"]);
    assert.deepEqual(
      heard.filter(({ code }) => code),
      [],
    );
    connector.apiRequest("DELETE", "/calls/7");
    socket.refuse("terminate", { name: "INFO", code: "wrong_state", message: "" });
    assert.deepEqual([heard.at(-1).name, heard.at(-1).code], ["INFO", "wrong_state"]);
  });
});

describe("a bad network", () => {
  it("is met with growing, jittered delays that have a limit", () => {
    const delays = backoff(() => 1);
    assert.deepEqual(
      Array.from({ length: 7 }, () => delays.next().value),
      [1000, 2000, 4000, 8000, 16000, 30000, 30000],
    );
    assert.deepEqual([...[backoff(() => 0), backoff(() => 0.5)].map((each) => each.next().value)], [100, 550]);
  });

  it("makes it come back, growing slower while the server is away", async () => {
    const { clock, sockets, newest } = setUp();
    await settled();
    newest().drop();
    await clock.advance(999);
    assert.equal(sockets.length, 1);
    await clock.advance(1);
    assert.equal(sockets.length, 2);
    newest().drop();
    await clock.advance(1_999);
    assert.equal(sockets.length, 2);
    await clock.advance(1);
    assert.equal(sockets.length, 3);
  });

  it("is forgotten after a connection that lasted", async () => {
    const world = setUp();
    await settled();
    world.newest().drop();
    await world.clock.advance(1_000);
    const socket = await join(world);
    await world.clock.advance(7_000);
    socket.say({ type: "pong" });
    await world.clock.advance(4_000);
    socket.drop();
    await world.clock.advance(1_000);
    assert.equal(world.sockets.length, 3);
  });

  it("is remembered after one that did not last", async () => {
    const world = setUp();
    await settled();
    world.newest().drop();
    await world.clock.advance(1_000);
    (await join(world)).drop();
    await world.clock.advance(1_999);
    assert.equal(world.sockets.length, 2);
    await world.clock.advance(1);
    assert.equal(world.sockets.length, 3);
  });

  it("is told to the page", async () => {
    const world = await connected();
    const states = [];
    world.connector.on("connection", ({ state }) => states.push(state));
    world.socket.drop();
    assert.equal(world.connector.isConnected(), false);
    await world.clock.advance(1_000);
    await join(world);
    assert.deepEqual(states, ["reconnecting", "reconnecting", "open"]);
  });

  it("that is known to be away is not tried", async () => {
    const { surroundings, clock, sockets, socket, connector } = await connected();
    surroundings.isOnline = false;
    surroundings.sleep();
    assert.equal(socket.isClosed, true);
    assert.equal(connector.state, CONNECTION.OFFLINE);
    await clock.advance(600_000);
    assert.equal(sockets.length, 1);
    surroundings.isOnline = true;
    surroundings.wake();
    assert.equal(sockets.length, 2);
  });

  it("that is away from the start is waited for", async () => {
    const { surroundings, sockets, connector } = setUp({ connect: false });
    surroundings.isOnline = false;
    connector.connect();
    assert.equal(connector.state, CONNECTION.OFFLINE);
    assert.equal(sockets.length, 0);
    surroundings.isOnline = true;
    surroundings.wake();
    assert.equal(sockets.length, 1);
  });

  it("that went silent is found out by the heartbeat", async () => {
    const { clock, sockets, socket } = await connected();
    await clock.advance(100);
    socket.say({ type: "pong" });
    await clock.advance(25_000);
    assert.equal(socket.sent.filter(({ action }) => action === "ping").length, 2);
    await clock.advance(8_000);
    assert.equal(socket.isClosed, true);
    await clock.advance(1_000);
    assert.equal(sockets.length, 2);
  });

  it("is looked at as soon as the page is seen again", async () => {
    const { clock, surroundings, socket } = await connected();
    socket.say({ type: "pong" });
    surroundings.wake();
    assert.equal(socket.sent.filter(({ action }) => action === "ping").length, 2);
    await clock.advance(8_000);
    assert.equal(socket.isClosed, true);
  });

  it("does not matter any more after close()", async () => {
    const { connector, clock, surroundings, sockets, socket } = await connected();
    connector.close();
    surroundings.wake();
    socket.drop();
    await clock.advance(600_000);
    assert.equal(sockets.length, 1);
    assert.equal(clock.waiting, 0);
    assert.equal(surroundings.isWatched, false);
    assert.equal(connector.state, CONNECTION.CLOSED);
  });
});

describe("coming back", () => {
  async function comeBack(world) {
    const lost = world.newest();
    lost.drop();
    while (world.newest() === lost) await world.clock.advance(1_000);
    const socket = world.newest();
    socket.open();
    return socket;
  }

  it("asks for what was missed since the last event, and tells it in order, once", async () => {
    const world = await connected({}, snapshot({ upTo: 4 }));
    world.socket.say(event(5, "RINGING"));
    const socket = await comeBack(world);
    assert.equal(socket.last("hello").last_event_id, 5);
    // As a server may send it: snapshot up to 7, a live event, then the replay.
    socket.say(snapshot({ upTo: 7, calls: [call({ status: "ON_HOLD" })] }));
    socket.say(event(8, "HANGUP"));
    socket.say(event(6, "CONNECTED"));
    socket.say(event(7, "ON_HOLD"));
    assert.equal(world.connector.online, false);
    socket.accept("hello");
    await settled();
    assert.deepEqual(world.names(), ["READY", "RINGING", "CONNECTED", "ON_HOLD", "HANGUP"]);
    assert.deepEqual(world.connector.calls, []);
  });

  it("ends what the snapshot does not know any more, when too much was missed to tell it one by one", async () => {
    const world = await connected();
    world.socket.say(event(5, "CONNECTED"));
    const socket = await comeBack(world);
    socket.say(snapshot({ upTo: 900, calls: [call({ id: "99", status: "RINGING" })] }));
    socket.accept("hello");
    await settled();
    assert.deepEqual(
      world.heard.slice(-2).map(({ name, call: { id, endReason } }) => [name, id, endReason]),
      [
        ["HANGUP", "7", "unknown"],
        ["RINGING", "99", ""],
      ],
    );
  });

  it("says how lines changed meanwhile, and nothing of those that did not", async () => {
    const world = await connected({}, snapshot({ lines: [line(), line({ id: "2" })] }));
    const socket = await comeBack(world);
    socket.say(snapshot({ lines: [line({ status: "LOGGED_OUT", message: "Log in again." }), line({ id: "2" })] }));
    socket.accept("hello");
    await settled();
    assert.deepEqual(
      world.heard.slice(2).map(({ name, message }) => [name, message]),
      [["LOGGED_OUT", "Log in again."]],
    );
  });

  it("renews every subscription", async () => {
    const world = await connected();
    for (const node of ["user:1001", "user:1002"]) {
      world.connector.subscribe(node);
      world.socket.accept("subscribe", { uri: node });
    }
    await settled();
    const socket = await comeBack(world);
    socket.say(snapshot());
    socket.accept("hello");
    await settled();
    assert.deepEqual(
      socket.sent.filter(({ action }) => action === "subscribe").map(({ node }) => node),
      ["user:1001", "user:1002"],
    );
  });

  describe("to what is only watched", () => {
    const BENS = "9";
    const bens = (id, name, fields = {}) => event(id, name, { id: "90", line: BENS, ...fields });

    /** A page that watches Ben, who talks, and whose connection comes back. */
    async function back() {
      const world = await connected();
      world.connector.subscribe("user:1001");
      world.socket.say(bens(1, "CONNECTED"));
      world.socket.accept("subscribe", { uri: "user:1001", line: BENS, calls: ["90"] });
      await settled();
      const socket = await comeBack(world);
      socket.say(snapshot({ upTo: 1 }));
      socket.accept("hello");
      await settled();
      world.heard.length = 0;
      return { ...world, socket };
    }

    it("ends no call that goes on, and tells it no second time", async () => {
      const { connector, socket, names } = await back();
      socket.say(bens(1, "CONNECTED"));
      socket.accept("subscribe", { uri: "user:1001", line: BENS, calls: ["90"] });
      await settled();
      assert.deepEqual(names(), []);
      assert.deepEqual(connector.calls.map(({ id }) => id), ["90"]);
    });

    it("tells what happened meanwhile, and ends what ended unseen", async () => {
      const { connector, socket, heard } = await back();
      socket.say(bens(3, "RINGING", { id: "91" }));
      socket.accept("subscribe", { uri: "user:1001", line: BENS, calls: ["91"] });
      await settled();
      assert.deepEqual(heard.map(({ name, call: { id } }) => [name, id]), [["RINGING", "91"], ["HANGUP", "90"]]);
      assert.deepEqual(connector.calls.map(({ id }) => id), ["91"]);
    });

    it("ends everything of it that may not be watched any more", async () => {
      const world = await back();
      const { connector, names } = world;
      world.socket.refuse("subscribe", { name: "ERROR", code: "not_allowed", message: "No." });
      await settled();
      assert.deepEqual(names(), ["ERROR", "HANGUP"]);
      assert.deepEqual(connector.calls, []);
      assert.deepEqual(connector.getSubscriptionURIs(), ["user:201"]);
      const next = await comeBack(world);
      next.say(snapshot({ upTo: 1 }));
      next.accept("hello");
      await settled();
      assert.equal(next.last("subscribe"), undefined);
    });

    it("asks again after a connection that was lost before the answer", async () => {
      const world = await back();
      const next = await comeBack(world);
      next.say(snapshot({ upTo: 1 }));
      next.accept("hello");
      await settled();
      assert.equal(next.last("subscribe").node, "user:1001");
      assert.deepEqual(world.connector.calls.map(({ id }) => id), ["90"]);
    });
  });

  it("listens to the new socket alone", async () => {
    const world = await connected();
    const old = world.socket;
    const socket = await comeBack(world);
    socket.say(snapshot());
    socket.accept("hello");
    await settled();
    old.say(event(1, "RINGING"));
    old.drop();
    assert.deepEqual(world.names(), ["READY"]);
    assert.equal(world.connector.online, true);
  });

  it("keeps beating after a logout and a new login", async () => {
    const { connector, socket, clock } = await connected();
    socket.say({ type: "pong" });
    connector.logout();
    socket.accept("logout");
    connector.login("key");
    socket.accept("login");
    await clock.advance(25_000);
    assert.equal(socket.sent.filter(({ action }) => action === "ping").length, 2);
  });
});

describe("click to call", () => {
  class FakeElement extends EventTarget {
    constructor(dataset = {}, parent = null) {
      super();
      Object.assign(this, { dataset, parent });
    }

    getAttribute(name) {
      return this[name] ?? null;
    }

    closest(selector) {
      if (this.href && selector.includes("[data-voipcti-tel-links] a[href^='tel:' i]")) return this;
      return this.matches() ? this : (this.parent?.closest() ?? null);
    }

    matches() {
      return Boolean(this.dataset.voipctiNumber || this.dataset.voipctiField);
    }

    getRootNode() {
      return { getElementById: (id) => this.fields?.[id] ?? null };
    }
  }

  function click(root, element, options = {}) {
    const happening = new Event("click", { cancelable: true });
    Object.defineProperty(happening, "target", { value: element });
    Object.assign(happening, { button: 0, composedPath: () => [element, root], ...options });
    root.dispatchEvent(happening);
    return happening.defaultPrevented;
  }

  function press(root, element, key, options = {}) {
    const happening = new Event("keydown", { cancelable: true });
    Object.defineProperty(happening, "target", { value: element });
    Object.assign(happening, { key, composedPath: () => [element, root], ...options });
    root.dispatchEvent(happening);
    return happening.defaultPrevented;
  }

  function page({ canCall = true } = {}) {
    const root = new EventTarget();
    const [called, refused] = [[], []];
    const call = (number) => called.push(number);
    const stop = enableClickToCall({ canCall: () => canCall, call, refuse: (number) => refused.push(number) }, root);
    return { root, called, refused, stop };
  }

  /** A button beside a field. */
  function fieldButton(value) {
    const field = { value, focus: () => (field.hasFocus = true) };
    return { field, button: Object.assign(new FakeElement({ voipctiField: "phone" }), { fields: { phone: field } }) };
  }

  const link = () => new FakeElement({ voipctiNumber: "+442079460018" });

  it("calls the number of a link, also when something inside it was clicked", () => {
    const { root, called } = page();
    assert.equal(click(root, new FakeElement({}, link())), true);
    assert.deepEqual(called, ["+442079460018"]);
  });

  for (const [href, number] of [
    ["tel:+44-20-7946-0018", "+44-20-7946-0018"],
    ["TEL:%2B44%2020;ext=5;phone-context=x", "+44 20"],
  ]) {
    it(`calls the number of a link in a container that wants it: ${href}`, () => {
      const { root, called } = page();
      assert.equal(click(root, Object.assign(new FakeElement(), { href })), true);
      assert.deepEqual(called, [number]);
    });
  }

  it("leaves a link alone that cannot be read", () => {
    const { root, called } = page();
    assert.equal(click(root, Object.assign(new FakeElement(), { href: "tel:%E0%A4%A" })), false);
    assert.deepEqual(called, []);
  });

  it("leaves the link to the device while no call can be made", () => {
    const { root, called } = page({ canCall: false });
    assert.equal(click(root, link()), false);
    assert.deepEqual(called, []);
  });

  it("leaves other links and other clicks alone", () => {
    const { root, called } = page();
    assert.equal(click(root, new FakeElement()), false);
    for (const options of [{ button: 1 }, { ctrlKey: true }, { metaKey: true }, { shiftKey: true }])
      assert.equal(click(root, link(), options), false);
    assert.deepEqual(called, []);
  });

  it("calls what stands in a field at that moment", () => {
    const { root, called } = page();
    const { field, button } = fieldButton("");
    assert.equal(click(root, button), false);
    assert.equal(field.hasFocus, true);
    field.value = " 020 7946 0018 x5 ";
    assert.equal(click(root, button), true);
    assert.deepEqual(called, ["020 7946 0018 x5"]);
  });

  it("does nothing for a field that is not there", () => {
    const { root, called, refused } = page();
    assert.equal(click(root, new FakeElement({ voipctiField: "gone" })), false);
    assert.deepEqual([called, refused], [[], []]);
  });

  it("says so where no call can be made and there is no link for the device", () => {
    const { root, called, refused } = page({ canCall: false });
    click(root, Object.assign(link(), { href: "tel:+442079460018" }));
    assert.deepEqual(refused, []);
    click(root, link());
    click(root, fieldButton("602").button);
    assert.deepEqual(refused, ["+442079460018", "602"]);
    assert.deepEqual(called, []);
  });

  it("finds what was clicked in an open shadow root", () => {
    const { root, called } = page();
    const inside = link();
    click(root, new FakeElement(), { composedPath: () => [inside, root] });
    assert.deepEqual(called, ["+442079460018"]);
  });

  it("takes Enter and Space on what only looks like a button, once", () => {
    const { root } = page();
    const clicks = [];
    const role = (localName, name) =>
      Object.assign(link(), { localName, role: name, click: () => clicks.push(localName) });
    for (const key of ["Enter", " "]) assert.equal(press(root, role("span", "button"), key), true);
    assert.equal(press(root, role("span", "button"), " ", { repeat: true }), true);
    assert.equal(press(root, role("span", "button"), "a"), false);
    assert.equal(press(root, role("b", null), "Enter"), false);
    assert.equal(press(root, role("button", "button"), "Enter"), false);
    assert.deepEqual(clicks, ["span", "span"]);
  });

  it("stops when asked to", () => {
    const { root, called, stop } = page();
    stop();
    click(root, link());
    assert.deepEqual(called, []);
  });
});
