/** Being noticed: who rings, who notifies, and when nobody does. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Notices, RingTone } from "../../django_voipcti/static/django_voipcti/notices.js";
import { settled } from "./fakes.mjs";
import { FakeLocks } from "./office.mjs";

const ADA = { id: "7", title: "Incoming call from Ada", body: "Engines" };
const WANTED = { popOn: "ring", ringTone: true, notifications: true, doNotDisturb: false };

class FakeDocument extends EventTarget {
  constructor(hidden) {
    super();
    this.hidden = hidden;
  }

  setHidden(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

class FakeTone {
  devices = [];
  isRinging = false;

  async start(device, rings) {
    this.isRinging = true;
    this.devices.push([device, rings]);
  }

  stop() {
    this.isRinging = false;
  }
}

/** A tab with everything that a window has for this. */
function open({ id = "a", locks = new FakeLocks(), hidden = false, permission = "granted", clicked = true } = {}) {
  const notifications = [];
  class Notification {
    static permission = permission;
    static requestPermission = async () => {
      Notification.permission = "granted";
    };

    constructor(title, options) {
      Object.assign(this, { title, ...options, isClosed: false });
      notifications.push(this);
    }

    close() {
      this.isClosed = true;
    }
  }
  const storage = new Map();
  const scope = {
    navigator: { locks: locks?.of(id), userActivation: { hasBeenActive: clicked } },
    document: new FakeDocument(hidden),
    localStorage: { getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) },
    Notification,
    focused: 0,
    focus: () => (scope.focused += 1),
  };
  const opened = [];
  const tone = new FakeTone();
  const notices = new Notices({ onOpen: (call) => opened.push(call), tone, scope });
  notices.prefer(WANTED);
  return { notices, tone, scope, notifications, opened, id, locks };
}

describe("the ring tone", () => {
  it("sounds while a call rings, on the chosen device", async () => {
    const { notices, tone } = open();
    notices.device = "headset";
    notices.update([ADA]);
    await settled();
    assert.deepEqual([tone.isRinging, tone.devices], [true, [["headset", undefined]]]);
    notices.update([ADA, { ...ADA, id: "8" }]);
    await settled();
    assert.equal(tone.devices.length, 1);
    notices.update([]);
    await settled();
    assert.equal(tone.isRinging, false);
  });

  it("sounds in one tab, and in the next when that one is closed", async () => {
    const locks = new FakeLocks();
    const [first, second] = [open({ id: "a", locks }), open({ id: "b", locks })];
    for (const { notices } of [first, second]) notices.update([ADA]);
    await settled();
    assert.deepEqual([first.tone.isRinging, second.tone.isRinging], [true, false]);
    locks.kill("a");
    await settled();
    assert.equal(second.tone.isRinging, true);
    second.notices.update([]);
    await settled();
    assert.equal(second.tone.isRinging, false);
  });

  it("is left to a tab that may make sound", async () => {
    const locks = new FakeLocks();
    const [silent, other] = [open({ id: "a", locks, clicked: false }), open({ id: "b", locks })];
    for (const { notices } of [silent, other]) notices.update([ADA]);
    await settled();
    assert.deepEqual([silent.tone.isRinging, other.tone.isRinging], [false, true]);
  });

  it("does not begin after the call was over before its turn came", async () => {
    const locks = new FakeLocks();
    const [first, second] = [open({ id: "a", locks }), open({ id: "b", locks })];
    first.notices.update([ADA]);
    second.notices.update([ADA]);
    await settled();
    second.notices.update([]);
    first.notices.update([]);
    await settled();
    assert.deepEqual(second.tone.devices, []);
  });

  for (const [why, choice] of [
    ["it is not wanted", { ringTone: false }],
    ["nobody wants to be disturbed", { doNotDisturb: true }],
    ["calls are shown only when answered", { popOn: "answer" }],
  ]) {
    it(`is silent when ${why}, and falls silent when that is chosen`, async () => {
      const { notices, tone } = open();
      notices.update([ADA]);
      await settled();
      notices.prefer({ ...WANTED, ...choice });
      await settled();
      assert.equal(tone.isRinging, false);
    });
  }

  it("sounds without Web Locks too", async () => {
    const { notices, tone } = open({ locks: null });
    notices.update([ADA]);
    await settled();
    assert.equal(tone.isRinging, true);
  });

  it("sounds once for a test", async () => {
    const { notices, tone } = open();
    await notices.test();
    assert.deepEqual(tone.devices, [["", 1]]);
  });

  it("works where storage is forbidden", async () => {
    const { notices, scope } = open();
    const forbidden = () => {
      throw new DOMException("no", "SecurityError");
    };
    Object.assign(scope.localStorage, { getItem: forbidden, setItem: forbidden });
    notices.device = "x";
    assert.equal(notices.device, "");
  });
});

describe("a desktop notification", () => {
  it("is shown while the page is hidden, and goes when the call does not ring any more", async () => {
    const { notices, notifications } = open({ hidden: true });
    notices.update([ADA]);
    notices.update([ADA]);
    await settled();
    assert.deepEqual(
      notifications.map(({ title, body, tag, silent }) => [title, body, tag, silent]),
      [["Incoming call from Ada", "Engines", "voipcti-7", true]],
    );
    notices.update([]);
    assert.equal(notifications[0].isClosed, true);
  });

  it("is not shown while the page is in view, but when it is left", async () => {
    const { notices, notifications, scope } = open();
    notices.update([ADA]);
    await settled();
    assert.equal(notifications.length, 0);
    scope.document.setHidden(true);
    await settled();
    assert.equal(notifications.length, 1);
  });

  it("is not shown while another tab is in view, and by one tab only when none is", async () => {
    const locks = new FakeLocks();
    const seen = open({ id: "a", locks });
    const [one, other] = [open({ id: "b", locks, hidden: true }), open({ id: "c", locks, hidden: true })];
    for (const { notices } of [seen, one, other]) notices.update([ADA]);
    await settled();
    const count = () => [seen, one, other].reduce((sum, { notifications }) => sum + notifications.length, 0);
    assert.equal(count(), 0);
    seen.scope.document.setHidden(true);
    await settled();
    for (const { notices } of [one, other]) notices.update([ADA]);
    await settled();
    assert.equal(count(), 1);
  });

  it("brings the page and the call forward when it is clicked", async () => {
    const { notices, notifications, opened, scope } = open({ hidden: true });
    notices.update([ADA]);
    await settled();
    notifications[0].onclick();
    assert.deepEqual([opened, scope.focused, notifications[0].isClosed], [["7"], 1, true]);
  });

  it("needs permission, which is asked for when told to and never by itself", async () => {
    const { notices, notifications } = open({ hidden: true, permission: "default" });
    notices.update([ADA]);
    await settled();
    assert.deepEqual([notices.permission, notifications.length], ["default", 0]);
    assert.equal(await notices.askPermission(), "granted");
    await settled();
    assert.equal(notifications.length, 1);
  });

  it("is left out where the browser has none, or none for pages", async () => {
    const { notices, scope } = open({ hidden: true });
    scope.Notification = class {
      static permission = "granted";
      constructor() {
        throw new TypeError("Illegal constructor");
      }
    };
    notices.update([ADA]);
    await settled();
    delete scope.Notification;
    assert.equal(notices.permission, "unsupported");
    notices.update([]);
  });

  it("is not shown when nobody wants to be disturbed", async () => {
    const { notices, notifications } = open({ hidden: true });
    notices.prefer({ ...WANTED, doNotDisturb: true });
    notices.update([ADA]);
    await settled();
    assert.equal(notifications.length, 0);
  });
});

describe("the sound", () => {
  function audio() {
    const made = [];
    class FakeAudio {
      currentTime = 5;
      destination = {};
      oscillators = [];
      levels = [];
      constructor() {
        made.push(this);
      }
      async setSinkId(device) {
        this.device = device;
        if (device === "unplugged") throw new DOMException("gone", "NotFoundError");
      }
      async resume() {}
      async close() {
        this.isClosed = true;
      }
      createGain() {
        const gain = { value: 1, setTargetAtTime: (level, at) => this.levels.push([level > 0, at]) };
        return { gain, connect() {} };
      }
      createOscillator() {
        const oscillator = { frequency: {}, connect() {}, start() {}, stop: (at) => (oscillator.end = at) };
        this.oscillators.push(oscillator);
        return oscillator;
      }
    }
    return { made, tone: new RingTone(FakeAudio) };
  }

  it("rings with pauses and ends by itself", async () => {
    const { made, tone } = audio();
    await tone.start("", 2);
    assert.deepEqual(made[0].levels, [
      [true, 5],
      [false, 6],
      [true, 8],
      [false, 9],
    ]);
    assert.deepEqual(
      made[0].oscillators.map(({ end }) => end),
      [11, 11],
    );
  });

  it("takes the usual device when the chosen one is gone", async () => {
    const { made, tone } = audio();
    await tone.start("unplugged", 1);
    assert.equal(made[0].oscillators.length, 2);
  });

  it("stops at once, even before it began", async () => {
    const { made, tone } = audio();
    const starting = tone.start();
    tone.stop();
    await starting;
    assert.deepEqual([made[0].isClosed, made[0].oscillators.length], [true, 0]);
  });
});
