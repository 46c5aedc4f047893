/** Which calls belong together while somebody is asked, and whom what was typed means. The box is tested in a browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  destinationOf,
  foundColleagues,
  pairActions,
  pairOf,
} from "../../django_voipcti/static/django_voipcti/transfer.js";
import { call } from "./fakes.mjs";

const held = call({ id: "7", status: "ON_HOLD", consultationOf: "" });
const asked = (status) => call({ id: "8", status, direction: "OUTBOUND", consultationOf: "7" });

describe("a pair", () => {
  it("is found from either of its calls", () => {
    const consultation = asked("RINGING");
    for (const one of [held, consultation])
      assert.deepEqual(pairOf(one, [held, consultation]), { held, consultation });
  });

  it("is none without both, so that the other is an ordinary call again", () => {
    assert.equal(pairOf(held, [held]), null);
    assert.equal(pairOf(asked("CONNECTED"), [asked("CONNECTED")]), null);
  });

  it("is none for a third call, and for calls of a server that does not know of it", () => {
    const third = call({ id: "9" });
    assert.equal(pairOf(third, [held, asked("CONNECTED"), third]), null);
    const { consultationOf: _, ...older } = held;
    assert.equal(pairOf(older, [older]), null);
  });

  it("is that with who was asked last", () => {
    const again = { ...asked("RINGING"), id: "9" };
    assert.equal(pairOf(held, [held, asked("CONNECTED"), again]).consultation.id, "9");
  });

  for (const [status, actions] of [
    ["INITIAL", ["return_to_call"]],
    ["RINGING", ["return_to_call"]],
    ["CONNECTED", ["complete_transfer", "return_to_call"]],
    ["ON_HOLD", ["complete_transfer", "return_to_call"]],
  ]) {
    it(`can be ${actions.join(" or ")} while the consultation is ${status}`, () => {
      const pair = { held, consultation: asked(status) };
      assert.deepEqual(pairActions(pair.consultation, pair), actions);
      assert.deepEqual(pairActions(held, pair), ["return_to_call"]);
    });
  }
});

describe("what was typed", () => {
  const colleagues = [
    { account: "2", name: "Alan Turing", extension: "602" },
    { account: "3", name: "Katherine Johnson", extension: "603" },
    { account: "4", name: "Nobody", extension: "" },
  ];

  for (const [typed, names, number] of [
    ["", ["Alan Turing", "Katherine Johnson"], ""],
    ["KATH", ["Katherine Johnson"], "603"],
    ["60", ["Alan Turing", "Katherine Johnson"], "60"],
    ["603 ", ["Katherine Johnson"], "603"],
    ["n", ["Alan Turing", "Katherine Johnson"], "n"],
    ["+44 20 7946 0999", [], "+44 20 7946 0999"],
    ["nobody", [], "nobody"],
  ]) {
    it(`“${typed}” means ${number || "nobody yet"}`, () => {
      assert.deepEqual(foundColleagues(colleagues, typed).map(({ name }) => name), names);
      assert.equal(destinationOf(colleagues, typed), number);
    });
  }
});
