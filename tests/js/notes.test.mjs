/** Notes: what is kept of what is typed, by notes.js. How it looks and behaves is tested in a real browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { NoteKeeper, Vault, contentOf, isSame, merged } from "../../django_voipcti/static/django_voipcti/notes.js";
import { FakeClock, settled } from "./fakes.mjs";

const KEY = Buffer.alloc(32, 7).toString("base64");
const OTHER_KEY = Buffer.alloc(32, 8).toString("base64");
const ORDER = { id: "3", label: "Order", asksForDate: false };
const text = (words) => ({ text: words, outcome: "", followUpOn: "" });

/** The browser's storage, as a page sees it. */
class FakeStorage {
  items = new Map();
  get length() {
    return this.items.size;
  }
  key = (index) => [...this.items.keys()][index] ?? null;
  getItem = (name) => this.items.get(name) ?? null;
  setItem = (name, value) => this.items.set(name, value);
  removeItem = (name) => this.items.delete(name);
}

/** A server that keeps notes, and a connection to it that a test cuts. */
class FakeConnector {
  online = true;
  user = { id: "1", name: "Ana" };
  asked = [];
  kept = new Map();
  others = [];
  refusal = null;
  #listeners = new Map();
  #version = 0;

  on = (name, listener) => this.#listeners.set(name, listener);
  tell = (name, detail) => this.#listeners.get(name)(detail);
  serverNow = () => Date.parse("2026-01-02T10:00:08Z");

  cut() {
    this.online = false;
    this.tell("connection", { state: "reconnecting" });
  }

  comeBack() {
    this.online = true;
    this.tell("connection", { state: "open" });
  }

  note(fields = {}) {
    const author = { id: "1", name: "Ana" };
    const base = { id: "9", call: "7", author, text: "", outcome: null, followUpOn: "", savedAt: null, draft: null };
    return { ...base, version: ++this.#version, ...fields };
  }

  async #answer(action, call, content, answer) {
    this.asked.push([action, call, content]);
    await settled();
    if (!this.online) throw Object.assign(new Error("gone"), { code: "connection_lost" });
    if (this.refusal) throw this.refusal;
    return answer();
  }

  #keep(call, fields) {
    const note = this.note({ ...this.kept.get(call), ...fields, call, version: this.#version + 1 });
    this.kept.set(call, note);
    return { note };
  }

  about = (call) => ({ id: call, direction: "INBOUND", name: "Ada", number: "", startedAt: "2026-01-02T10:00:00Z" });

  drafts = () =>
    this.#answer("drafts", "", null, () => ({
      key: KEY,
      drafts: [...this.kept].filter(([, note]) => note.draft).map(([call, note]) => ({ call: this.about(call), note })),
    }));
  notes = (call) =>
    this.#answer("notes", call, null, () => ({
      notes: [...this.others, ...(this.kept.has(call) ? [this.kept.get(call)] : [])],
      outcomes: [ORDER],
    }));
  draft = (call, content) =>
    this.#answer("draft", call, content, () => this.#keep(call, { draft: { ...content, at: "2026-01-02T10:00:08Z" } }));
  saveNote = (call, content) =>
    this.#answer("note", call, content, () =>
      this.#keep(call, { text: content.text, savedAt: "2026-01-02T10:00:09Z", draft: null }),
    );
  discardDraft = (call) => this.#answer("discard_draft", call, null, () => this.#keep(call, { draft: null }));

  sent = (action) => this.asked.filter(([name]) => name === action).map(([, , content]) => content?.text);
}

function opened({ connector = new FakeConnector(), storage = new FakeStorage(), name = "user 1" } = {}) {
  const clock = new FakeClock();
  const vault = new Vault({ name, storage });
  const keeper = new NoteKeeper({ connector, vault, clock, onChange: () => {} });
  return { connector, storage, clock, vault, keeper };
}

async function ready(options) {
  const all = opened(options);
  while (!all.vault.isOpen) await settled();
  await settled();
  return all;
}

describe("what stands in the form", () => {
  const saved = { text: "Called.", outcome: ORDER, followUpOn: "", savedAt: "2026-01-02T10:00:00Z", draft: null };
  it("is what was saved", () => assert.deepEqual(contentOf(saved), { text: "Called.", outcome: "3", followUpOn: "" }));
  it("is the draft where there is one", () => {
    const draft = { text: "Called twice.", outcome: "", followUpOn: "2026-02-01", at: "" };
    assert.deepEqual(contentOf({ ...saved, draft }), { text: "Called twice.", outcome: "", followUpOn: "2026-02-01" });
  });
  it("is nothing where nothing was written", () => assert.ok(isSame(contentOf(null), text(""))));
});

describe("what two sides kept", () => {
  const at = (seconds) => Date.parse(`2026-01-02T10:00:0${seconds}Z`);
  const draft = { ...text("Wants a boiler"), at: "2026-01-02T10:00:05Z" };
  it("is what this browser kept, if that is newer", () =>
    assert.deepEqual(merged(draft, { ...text("Wants two"), at: at(6) }), text("Wants two")));
  it("is what the server kept, if that goes on from it", () =>
    assert.deepEqual(merged(draft, { ...text("Wants a"), at: at(3) }), text("Wants a boiler")));
  it("is both, if each has something", () =>
    assert.deepEqual(merged(draft, { ...text("Pays late"), at: at(3) }), text("Wants a boiler\nPays late")));
  it("is what this browser kept, if the server has nothing", () =>
    assert.deepEqual(merged(null, { ...text("Pays late"), at: at(3) }), text("Pays late")));
});

describe("the vault", () => {
  async function vault(storage, key = KEY, name = "user 1") {
    const made = new Vault({ name, storage });
    await made.open(key);
    return made;
  }

  it("gives back what was put in, to the same user only, and shows it to nobody", async () => {
    const storage = new FakeStorage();
    await (await vault(storage)).put("7", text("Größe 7"));
    assert.ok(![...storage.items.values()].join().includes("7\""));
    assert.ok(!JSON.stringify([...storage.items]).includes("Gr"));
    assert.deepEqual(await (await vault(storage)).all(), new Map([["7", text("Größe 7")]]));
    assert.deepEqual(await (await vault(storage, KEY, "user 2")).all(), new Map());
  });

  it("throws away what its key does not fit any more", async () => {
    const storage = new FakeStorage();
    await (await vault(storage)).put("7", text("Old"));
    assert.equal((await (await vault(storage, OTHER_KEY)).all()).size, 0);
    assert.equal(storage.length, 0);
  });

  it("keeps the last of what is put in at once", async () => {
    const storage = new FakeStorage();
    const made = await vault(storage);
    for (const words of ["a", "ab", "abc"]) made.put("7", text(words));
    assert.equal((await made.all()).get("7").text, "abc");
    await made.remove("7");
    assert.equal(storage.length, 0);
  });

  it("says that it keeps nothing where the browser cannot encrypt", async () => {
    for (const options of [{ storage: null }, { storage: new FakeStorage(), crypto: {} }]) {
      const made = new Vault({ name: "user 1", ...options });
      await made.open(KEY);
      assert.ok(!made.isOpen);
      await made.put("7", text("Lost"));
      assert.equal((await made.all()).size, 0);
    }
  });
});

describe("typing", () => {
  it("is sent when it pauses, once, and the browser then keeps nothing", async () => {
    const { connector, storage, clock, keeper } = await ready();
    for (const words of ["W", "Wa", "Wan"]) {
      keeper.type("7", text(words));
      await clock.advance(200);
    }
    assert.deepEqual(connector.sent("draft"), []);
    await clock.advance(600);
    assert.deepEqual(connector.sent("draft"), ["Wan"]);
    while (keeper.of("7").isUnsent) await settled();
    assert.ok(!keeper.of("7").isUnsent && keeper.of("7").isDraft);
    while (storage.length) await settled();
  });

  it("is sent every three seconds if it does not pause", async () => {
    const { connector, clock, keeper } = await ready();
    for (let letters = 1; letters <= 20; letters++) {
      keeper.type("7", text("x".repeat(letters)));
      await clock.advance(200);
    }
    assert.equal(connector.sent("draft").length, 1);
  });

  it("that goes on while a draft is under way is sent after it", async () => {
    const { connector, clock, keeper } = await ready();
    keeper.type("7", text("a"));
    keeper.flush();
    await Promise.resolve();
    keeper.type("7", text("ab"));
    while (connector.kept.get("7")?.draft.text !== "a") await settled();
    await settled();
    assert.ok(keeper.of("7").isUnsent);
    assert.equal(keeper.of("7").content.text, "ab");
    await clock.advance(600);
    assert.deepEqual(connector.sent("draft"), ["a", "ab"]);
    while (keeper.of("7").isUnsent) await settled();
  });

  it("while the connection is away is kept in the browser, and sent when it is back", async () => {
    const { connector, storage, clock, keeper } = await ready();
    connector.cut();
    keeper.type("7", text("Call her back"));
    await clock.advance(5_000);
    while (!storage.length) await settled();
    assert.deepEqual(connector.sent("draft"), []);
    connector.comeBack();
    while (keeper.of("7").isUnsent) await settled();
    assert.deepEqual(connector.sent("draft"), ["Call her back"]);
  });

  it("survives a page that was killed before anything was sent", async () => {
    const storage = new FakeStorage();
    const first = await ready({ storage });
    first.keeper.type("7", text("Before the crash"));
    while (!storage.length) await settled();

    const { connector, keeper } = await ready({ storage });
    while (!keeper.drafts.length) await settled();
    assert.deepEqual(connector.sent("draft"), ["Before the crash"]);
    assert.deepEqual(keeper.drafts.map(([call, { content }]) => [call, content.text]), [["7", "Before the crash"]]);
    while (storage.length) await settled();
  });

  it("that the server refuses stays in the form, with the reason", async () => {
    const { connector, clock, keeper } = await ready();
    connector.refusal = Object.assign(new Error("A note has at most 4000 characters."), { code: "invalid_argument" });
    keeper.type("7", text("long"));
    await clock.advance(600);
    while (!keeper.of("7").problem) await settled();
    assert.equal(keeper.of("7").problem.message, "A note has at most 4000 characters.");
    assert.equal(keeper.of("7").content.text, "long");
    connector.refusal = null;
    keeper.type("7", text("short"));
    await clock.advance(600);
    assert.equal(keeper.of("7").problem, null);
  });

  it("on a call that is gone is not sent for ever", async () => {
    const storage = new FakeStorage();
    const first = await ready({ storage });
    first.keeper.type("7", text("Of a call that was deleted"));
    while (!storage.length) await settled();
    const connector = new FakeConnector();
    const refuse = connector.draft;
    connector.draft = (...all) => refuse(...all).then(() => Promise.reject(Object.assign(new Error(), { code: "unknown_call" })));
    await ready({ storage, connector });
    while (storage.length) await settled();
  });
});

describe("other pages", () => {
  it("show what is typed on one of them, unless something is being typed here", async () => {
    const { connector, keeper } = await ready();
    await keeper.load("7");
    const change = (words) => {
      const draft = { ...text(words), at: "2026-01-02T10:00:08Z" };
      connector.tell("note", { calls: ["7"], note: connector.note({ draft }) });
    };
    change("From the other tab");
    assert.equal(keeper.of("7").content.text, "From the other tab");
    keeper.type("7", text("From here"));
    change("From the other tab, later");
    assert.equal(keeper.of("7").content.text, "From here");
  });

  it("are not heard late", async () => {
    const { connector, keeper } = await ready();
    await keeper.load("7");
    const [old, recent] = ["old", "new"].map((words) => connector.note({ draft: { ...text(words), at: "" } }));
    for (const note of [recent, old]) connector.tell("note", { calls: ["7"], note });
    assert.equal(keeper.of("7").content.text, "new");
  });

  it("and other people: what they saved is shown, and goes when they take it away", async () => {
    const { connector, keeper } = await ready();
    const ben = { id: "2", name: "Ben" };
    connector.others = [connector.note({ author: ben, text: "VIP", savedAt: "2026-01-02T09:00:00Z" })];
    await keeper.load("7");
    assert.deepEqual([...keeper.of("7").others.values()].map((note) => note.text), ["VIP"]);
    assert.equal(keeper.of("7").content.text, "");
    connector.tell("note", { calls: ["7"], note: connector.note({ author: ben }) });
    assert.equal(keeper.of("7").others.size, 0);
  });

  it("tell of drafts on calls that are not shown here", async () => {
    const { connector, keeper } = await ready();
    await connector.draft("8", text("Elsewhere"));
    connector.tell("note", { calls: ["8"], note: connector.kept.get("8") });
    while (!keeper.drafts.length) await settled();
    assert.equal(keeper.drafts[0][1].about.name, "Ada");
  });
});

describe("saving", () => {
  it("takes what stands in the form, sent or not", async () => {
    const { connector, keeper } = await ready();
    keeper.type("7", text("Ordered"));
    await keeper.save("7");
    assert.deepEqual([connector.sent("draft"), connector.sent("note")], [[], ["Ordered"]]);
    assert.ok(!keeper.of("7").isDraft);
    assert.equal(keeper.of("7").content.text, "Ordered");
  });

  it("that fails leaves the text", async () => {
    const { connector, keeper } = await ready();
    keeper.type("7", text("Ordered"));
    connector.cut();
    await assert.rejects(keeper.save("7"), /gone/);
    assert.ok(keeper.of("7").isUnsent);
  });

  it("and throwing away ends in what was saved before", async () => {
    const { keeper } = await ready();
    keeper.type("7", text("Ordered"));
    await keeper.save("7");
    keeper.type("7", text("Ordered two"));
    await keeper.discard("7");
    assert.equal(keeper.of("7").content.text, "Ordered");
    assert.ok(!keeper.of("7").isDraft);
  });
});

it("a call that nobody looks at any more leaves nothing behind, save for what is unsaved", async () => {
  const { keeper } = await ready();
  await keeper.load("7");
  const before = keeper.of("7");
  keeper.release("7");
  assert.notEqual(keeper.of("7"), before);
  keeper.type("8", text("Unsaved"));
  const unsaved = keeper.of("8");
  keeper.release("8");
  assert.equal(keeper.of("8"), unsaved);
});
