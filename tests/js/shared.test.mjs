/** One socket for all tabs: who has it, what the others hear, and what happens when a tab goes away. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Connector } from "../../django_voipcti/static/django_voipcti/connector.js";
import { Share } from "../../django_voipcti/static/django_voipcti/shared.js";
import { FakeClock, FakeSurroundings, call, event, fakeNetwork, line, settled, snapshot } from "./fakes.mjs";
import { FakeChannels, FakeLocks } from "./office.mjs";

const NAME = "voipcti 3 /ws/voipcti/";

/** A browser in which tabs can be opened and killed. */
class Browser {
  clock = new FakeClock();
  locks = new FakeLocks();
  channels = new FakeChannels();
  network = fakeNetwork();

  get sockets() {
    return this.network.sockets;
  }

  get openSockets() {
    return this.sockets.filter((socket) => !socket.isClosed);
  }

  async open(id, { name = NAME, locks = this.locks.of(id) } = {}) {
    const share = new Share({ name, id, WebSocket: this.network.FakeSocket, locks, BroadcastChannel: this.channels.of(id) });
    const heard = [];
    const surroundings = new FakeSurroundings();
    const connector = new Connector({
      url: "wss://crm.example/ws/voipcti/",
      WebSocket: share.Socket,
      clock: this.clock,
      surroundings,
      random: () => 0,
      onMessage: (message) => heard.push(message),
    });
    share.attach(connector);
    await settled();
    return { id, share, connector, heard, surroundings, names: () => heard.map((message) => message.name) };
  }

  /** Let the newest socket reach the server. */
  async serve(shown = snapshot(), socket = this.sockets.at(-1)) {
    socket.open();
    socket.say(shown);
    socket.accept("hello", { user: { id: "3", name: "Grace" }, preferences: { popOn: "answer" } });
    await settled();
    return socket;
  }

  /** A tab that ends as a crashed one does: without a word. */
  async kill(tab) {
    this.channels.frozen.add(tab.id);
    this.locks.kill(tab.id);
    await settled();
  }

  async tabs(...ids) {
    const first = await this.open(ids[0]);
    const socket = await this.serve();
    const rest = [];
    for (const id of ids.slice(1)) rest.push(await this.open(id));
    return { socket, tabs: [first, ...rest] };
  }
}

describe("several tabs", () => {
  it("have one socket", async () => {
    const browser = new Browser();
    const { tabs } = await browser.tabs("a", "b", "c");
    assert.equal(browser.sockets.length, 1);
    assert.deepEqual(
      tabs.map(({ share, connector }) => [share.leads, connector.online, connector.isConnected()]),
      [
        [true, true, true],
        [false, true, true],
        [false, true, true],
      ],
    );
  });

  it("know who is signed in, the server's time, the lines and the live calls, whenever they were opened", async () => {
    const browser = new Browser();
    const { socket } = await browser.tabs("a");
    socket.say(event(4, "RINGING"));
    const late = await browser.open("late");
    assert.deepEqual(late.connector.user, { id: "3", name: "Grace" });
    assert.deepEqual({ ...late.connector.preferences }, { popOn: "answer" });
    assert.equal(Math.abs(late.connector.serverNow() - browser.clock.now()) < 1000, true);
    assert.deepEqual(late.names(), ["READY", "RINGING"]);
    assert.equal(late.connector.lastEventId, 4);
  });

  it("all hear of each call, once", async () => {
    const { socket, tabs } = await new Browser().tabs("a", "b", "c");
    socket.say(event(1, "RINGING"));
    socket.say(event(2, "CONNECTED"));
    await settled();
    for (const { names } of tabs) assert.deepEqual(names(), ["READY", "RINGING", "CONNECTED"]);
  });

  it("wait for the first one's connection, then connect with it", async () => {
    const browser = new Browser();
    const first = await browser.open("a");
    const second = await browser.open("b");
    assert.deepEqual([first.connector.online, second.connector.online], [false, false]);
    await browser.serve();
    assert.deepEqual([first.connector.online, second.connector.online], [true, true]);
    assert.equal(browser.sockets.length, 1);
  });

  it("of different users, or in different languages, share nothing", async () => {
    const browser = new Browser();
    await browser.tabs("a");
    await browser.open("b", { name: "voipcti 4 /ws/voipcti/" });
    assert.equal(browser.sockets.length, 2);
  });

  it("stay small: after thousands of events a tab keeps what is live", async () => {
    const { socket, tabs } = await new Browser().tabs("a", "b");
    for (let index = 0; index < 2000; index += 1) {
      socket.say(event(2 * index + 1, "RINGING", { id: `c${index}` }));
      socket.say(event(2 * index + 2, "HANGUP", { id: `c${index}` }));
    }
    await settled();
    for (const { connector } of tabs) assert.deepEqual(connector.calls, []);
    assert.equal(tabs[1].connector.lastEventId, 4000);
  });
});

describe("an action of a tab without the socket", () => {
  it("goes to the server and its answer comes back to that tab alone", async () => {
    const { socket, tabs } = await new Browser().tabs("a", "b", "c");
    const outcome = tabs[1].connector.call("201");
    const same = tabs[2].connector.call("202");
    await settled();
    const [one, other] = socket.sent.filter(({ action }) => action === "call");
    assert.notEqual(one.ref, other.ref);
    assert.ok(one.ref.length <= 64);
    socket.say({ type: "reply", ref: other.ref, ok: true, data: { call: "2" } });
    socket.say({ type: "reply", ref: one.ref, ok: true, data: { call: "1" } });
    assert.deepEqual(await outcome, { call: "1" });
    assert.deepEqual(await same, { call: "2" });
  });

  it("is refused there alone", async () => {
    const { socket, tabs } = await new Browser().tabs("a", "b");
    const outcome = tabs[1].connector.hold("7");
    await settled();
    socket.refuse("hold", { name: "INFO", code: "wrong_state", message: "Too late." });
    await assert.rejects(outcome, { code: "wrong_state" });
    assert.deepEqual(tabs[0].names(), ["READY"]);
    assert.deepEqual(tabs[1].names(), ["READY", "INFO"]);
  });

  it("chooses who is calling, and all tabs hear what is known now", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b");
    const told = tabs.map(({ connector }) => {
      const calls = [];
      connector.on("call", ({ call: { learned } }) => calls.push(learned));
      return calls;
    });
    socket.say(event(1, "RINGING"));
    await settled();
    const outcome = tabs[1].connector.choose("7", "crm.contact", "1");
    await settled();
    const { ref, ...sent } = socket.last("choose");
    assert.deepEqual(sent, { action: "choose", call: "7", model: "crm.contact", objectId: "1" });
    socket.say({ type: "call", call: call({ learned: true }) });
    socket.say({ type: "reply", ref, ok: true, data: {} });
    assert.deepEqual(await outcome, {});
    assert.deepEqual(told, [[true], [true]]);
    const late = await browser.open("late");
    assert.deepEqual(late.connector.calls.map(({ learned }) => learned), [true]);
  });

  it("is asked for its second factor there alone", async () => {
    const { socket, tabs } = await new Browser().tabs("a", "b");
    tabs[1].connector.login("grace@crm.example", "secret");
    await settled();
    socket.say({ type: "event", name: "TWO_FACTOR_AUTH", message: "", nonce: "n" });
    await settled();
    assert.deepEqual(tabs.map(({ names }) => names().at(-1)), ["READY", "TWO_FACTOR_AUTH"]);
  });

  it("can watch a line, whose calls and status are told there alone and are nobody's own", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b", "c");
    const outcome = tabs[1].connector.subscribe("user:9");
    await settled();
    socket.say({ type: "event", name: "SUBSCRIBED", message: "", uri: "user:9", node: "user:9" });
    socket.accept("subscribe", { uri: "user:9", line: "9" });
    await settled();
    await outcome;
    socket.say(event(5, "RINGING", { id: "90", line: "9" }));
    socket.say({ type: "event", name: "READY", message: "", line: line({ id: "9", node: "user:9" }) });
    socket.say(event(6, "RINGING"));
    await settled();
    assert.deepEqual(
      tabs.map(({ names }) => names()),
      [
        ["READY", "RINGING"],
        ["READY", "SUBSCRIBED", "RINGING", "READY", "RINGING"],
        ["READY", "RINGING"],
      ],
    );
    assert.deepEqual(tabs[1].connector.lines.map(({ id }) => id), ["1"]);
    const late = await browser.open("late");
    assert.deepEqual(late.connector.calls.map(({ id }) => id), ["7"]);
  });

  it("does not trouble the server with its heartbeat", async () => {
    const browser = new Browser();
    const { socket } = await browser.tabs("a", "b", "c");
    socket.say({ type: "pong" });
    await browser.clock.advance(25_000);
    assert.equal(socket.sent.filter(({ action }) => action === "ping").length, 2);
  });
});

describe("when the tab with the socket", () => {
  it("crashes, another takes over and both know what happened meanwhile", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b", "c");
    socket.say(event(1, "RINGING"));
    await settled();
    await browser.kill(tabs[0]);
    await browser.clock.advance(1_000);
    assert.equal(browser.sockets.length, 2);
    assert.equal(browser.sockets[1].sent.length, 0);
    await browser.serve(snapshot({ upTo: 2, calls: [call({ status: "CONNECTED" })] }));
    assert.equal(browser.sockets[1].last("hello").last_event_id, 1);
    for (const { connector, names } of tabs.slice(1)) {
      assert.equal(connector.online, true);
      assert.deepEqual(names(), ["READY", "RINGING", "CONNECTED"]);
    }
    assert.equal(tabs[1].share.leads, true);
  });

  it("lets go of it, another takes over", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b");
    tabs[0].connector.close();
    await settled();
    await browser.clock.advance(1_000);
    assert.equal(socket.isClosed, true);
    await browser.serve();
    assert.deepEqual([tabs[0].share.leads, tabs[1].share.leads], [false, true]);
    assert.equal(tabs[1].connector.online, true);
    tabs[0].connector.connect();
    await settled();
    assert.equal(tabs[0].connector.online, true);
    assert.equal(browser.openSockets.length, 1);
  });

  it("loses its connection, all are without, and all come back with it", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b");
    socket.drop();
    await settled();
    assert.deepEqual(tabs.map(({ connector }) => connector.online), [false, false]);
    await assert.rejects(tabs[1].connector.call("201"), { code: "not_connected" });
    await browser.clock.advance(1_000);
    await browser.serve();
    assert.deepEqual(tabs.map(({ connector }) => connector.online), [true, true]);
    assert.equal(browser.sockets.length, 2);
  });

  it("is told that nobody is signed in any more, no tab comes back", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b");
    socket.drop(4401);
    await settled();
    await browser.clock.advance(60_000);
    assert.equal(browser.sockets.length, 1);
    for (const { heard } of tabs) assert.equal(heard.at(-1).code, "not_authenticated");
  });

  it("freezes, others notice by their heartbeat and go without it", async () => {
    const browser = new Browser();
    const { socket, tabs } = await browser.tabs("a", "b");
    socket.say({ type: "pong" });
    browser.channels.frozen.add("a");
    tabs[1].surroundings.wake();
    await browser.clock.advance(8_000 + 1_000);
    assert.equal(tabs[1].connector.online, false);
    await browser.clock.advance(15_000 + 2_000);
    assert.equal(browser.sockets.length, 2);
    await browser.serve();
    assert.equal(tabs[1].connector.online, true);
    assert.equal(tabs[1].share.leads, false);
  });
});

describe("where the browser cannot", () => {
  it("it says so", () => {
    assert.equal(Share.isPossible({ navigator: {}, BroadcastChannel: class {} }), false);
    assert.equal(Share.isPossible({ navigator: { locks: {} } }), false);
    assert.equal(Share.isPossible({}), false);
    assert.equal(Share.isPossible({ navigator: { locks: {} }, BroadcastChannel: class {} }), true);
  });

  it("use its locks after all, each tab has a socket of its own", async () => {
    const browser = new Browser();
    const forbidden = { request: () => Promise.reject(new DOMException("no", "SecurityError")) };
    const one = await browser.open("a", { locks: forbidden });
    const socket = await browser.serve();
    const other = await browser.open("b", { locks: forbidden });
    await browser.serve();
    assert.equal(browser.sockets.length, 2);
    socket.say(event(1, "RINGING"));
    await settled();
    assert.deepEqual([one.names(), other.names()], [["READY", "RINGING"], ["READY"]]);
  });
});
