/** What a call means to a person: the panel's pure functions. How it looks and behaves is tested in a real browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  actionsFor,
  fill,
  formatDuration,
  hueOf,
  initialsOf,
  outcomeOf,
  phaseOf,
  safeUrl,
  secondsOf,
  stageOf,
  stateKeyOf,
} from "../../django_voipcti/static/django_voipcti/panel.js";
import { call, line } from "./fakes.mjs";

const ALL = line().capabilities;
const inbound = (status) => call({ direction: "INBOUND", status });
const outbound = (status) => call({ direction: "OUTBOUND", status });

describe("the phase of a call", () => {
  for (const [subject, phase] of [
    [inbound("RINGING"), "ringing"],
    [outbound("REQUESTED"), "dialling"],
    [outbound("INITIAL"), "dialling"],
    [outbound("ACCEPTED"), "dialling"],
    [outbound("RINGING"), "dialling"],
    [inbound("CONNECTED"), "talking"],
    [outbound("ON_HOLD"), "held"],
    [inbound("HANGUP"), "ended"],
    [outbound("CANCEL"), "ended"],
  ]) {
    it(`is ${phase} for ${subject.direction} ${subject.status}`, () => assert.equal(phaseOf(subject), phase));
  }
});

describe("what became of a call that may pop", () => {
  const card = { manner: "pop", phase: "ringing" };
  for (const [found, outcome] of [
    [{ card, isExpanded: true }, "shown"],
    [{ card, isExpanded: true, preferences: { doNotDisturb: true } }, "shown"],
    [{ card }, "folded"],
    [{ card: { ...card, manner: "silent" }, preferences: { doNotDisturb: true } }, "silent"],
    [{ card, preferences: { doNotDisturb: true, popOn: "answer" } }, "do_not_disturb"],
    [{ card, preferences: { popOn: "answer" } }, "on_answer"],
    [{ card: { ...card, phase: "talking" }, preferences: { popOn: "answer" } }, "folded"],
    [{ isPutAway: true, isExpanded: true }, "put_away"],
    [{ isExpanded: true }, "nothing"],
  ]) {
    it(`is ${outcome} for ${JSON.stringify(found)}`, () =>
      assert.equal(outcomeOf({ isExpanded: false, isPutAway: false, preferences: {}, ...found }), outcome));
  }
});

describe("actions", () => {
  for (const [subject, actions] of [
    [inbound("RINGING"), ["answer", "decline"]],
    [outbound("INITIAL"), ["hang_up"]],
    [outbound("RINGING"), ["hang_up"]],
    [inbound("CONNECTED"), ["hold", "transfer", "hang_up"]],
    [inbound("ON_HOLD"), ["resume", "transfer", "hang_up"]],
    [inbound("HANGUP"), ["call_back"]],
  ]) {
    it(`for ${subject.direction} ${subject.status}`, () => assert.deepEqual(actionsFor(subject, ALL), actions));
  }

  it("are only those that the provider can do", () => {
    assert.deepEqual(actionsFor(inbound("RINGING"), { ...ALL, supports_answer: false }), ["decline"]);
    assert.deepEqual(actionsFor(inbound("CONNECTED"), { ...ALL, supports_hold: false }), ["transfer", "hang_up"]);
    assert.deepEqual(actionsFor(inbound("CONNECTED"), { supports_hold: true }), ["hold"]);
    assert.deepEqual(actionsFor(inbound("HANGUP"), { ...ALL, supports_place: false }), []);
    assert.deepEqual(actionsFor(inbound("CONNECTED"), { supports_attended_transfer: true }), ["transfer"]);
  });

  it("are none on a line of somebody else", () => assert.deepEqual(actionsFor(inbound("CONNECTED"), undefined), []));

  it("do not offer to call back who withheld the number", () => {
    assert.deepEqual(actionsFor(call({ status: "HANGUP", number: "", e164: "" }), ALL), []);
  });
});

describe("texts", () => {
  it("tell an incoming call from one that rings elsewhere", () => {
    assert.equal(stateKeyOf(inbound("RINGING")), "state_incoming");
    assert.equal(stateKeyOf(outbound("RINGING")), "state_ringing");
    assert.equal(stateKeyOf(outbound("ON_HOLD")), "state_on_hold");
  });

  it("fill their places as Python does, and keep what has no value", () => {
    assert.equal(fill("%(who)s: %(state)s", { who: "Ada", state: "On hold" }), "Ada: On hold");
    assert.equal(fill("%(count)d of %(all)s", { count: 3 }), "3 of %(all)s");
  });

  it("write durations as people do", () => {
    assert.deepEqual([0, 7.9, 65, 3599, 3723, -5].map(formatDuration), [
      "0:00",
      "0:07",
      "1:05",
      "59:59",
      "1:02:03",
      "0:00",
    ]);
  });
});

describe("the timer", () => {
  const at = (seconds) => Date.parse("2026-01-02T10:00:00Z") + seconds * 1000;
  const moment = (seconds) => new Date(at(seconds)).toISOString();

  it("counts from the start while it rings, then from the answer", () => {
    assert.equal(secondsOf(call({ startedAt: moment(0) }), at(8)), 8);
    assert.equal(secondsOf(call({ status: "CONNECTED", startedAt: moment(0), answeredAt: moment(5) }), at(65)), 60);
  });

  it("stands at the talk time when the call is over, and at nothing when nobody answered", () => {
    const ended = { status: "HANGUP", startedAt: moment(0), endedAt: moment(100) };
    assert.equal(secondsOf(call({ ...ended, answeredAt: moment(10) }), at(500)), 90);
    assert.equal(secondsOf(call(ended), at(500)), null);
  });

  it("never runs below zero, whatever the clocks say", () =>
    assert.equal(secondsOf(call({ startedAt: moment(9) }), at(0)), 0));

  it("shows nothing while the start is unknown", () => assert.equal(secondsOf(call({ startedAt: null }), at(0)), null));
});

describe("the stages of an outgoing call", () => {
  it("are the own phone, the other phone, the talk", () => {
    assert.deepEqual(
      ["REQUESTED", "INITIAL", "ACCEPTED", "RINGING", "CONNECTED"].map((status) => stageOf({ status })),
      [0, 0, 1, 1, 2],
    );
  });
});

describe("the avatar", () => {
  it("shows the initials of first and last name in any script", () => {
    assert.deepEqual(
      ["Ada Lovelace", "Ada", "Grace Brewster Murray Hopper", "Ольга Ладыженская", "王 小明", "+44 20", ""].map(
        initialsOf,
      ),
      ["AL", "A", "GH", "ОЛ", "王小", "", ""],
    );
  });

  it("has always the same colour for the same name", () => {
    assert.equal(hueOf("Ada Lovelace"), hueOf("Ada Lovelace"));
    assert.ok(new Set(["Ada", "Alan", "Grace", "Joan", "Katherine"].map(hueOf)).size > 1);
    for (const name of ["", "Ada", "😀"]) assert.ok(hueOf(name) >= 0 && hueOf(name) < 8);
  });
});

describe("addresses of records", () => {
  const on = "https://crm.example/contacts/";

  it("are those of the web, absolute or relative", () => {
    for (const url of ["/contacts/1/", "2/", "https://other.example/x", "http://crm.example/"])
      assert.equal(safeUrl(url, on), url);
  });

  it("are never scripts or other things", () => {
    for (const url of ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "http://[", "vbscript:x"]) {
      assert.equal(safeUrl(url, on), null);
    }
  });
});
