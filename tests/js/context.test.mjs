/** Context blocks: context.js's pure functions. How they look and behave is tested in a real browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isWorthShowing, subjectOf } from "../../django_voipcti/static/django_voipcti/context.js";
import { call } from "./fakes.mjs";

describe("the record that blocks are about", () => {
  const contact = { ...call().contact, model: "crm.contact", objectId: "1" };
  for (const [fields, subject] of [
    [{ contact }, "crm.contact 1"],
    [{ contact: null }, ""],
    [{ contact: { ...contact, objectId: "" } }, ""],
    [{ contact, internal: true }, ""],
  ]) {
    it(`is "${subject}"`, () => assert.equal(subjectOf(call(fields)), subject));
  }
});

describe("a block", () => {
  it("with nothing to say is left out", () => assert.ok(!isWorthShowing({ state: "empty" })));
  for (const state of ["loading", "ready", "late", "failed"]) {
    it(`that is ${state} is shown`, () => assert.ok(isWorthShowing({ state })));
  }
});
