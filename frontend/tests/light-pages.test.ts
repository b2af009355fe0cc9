import assert from "node:assert/strict";
import { test } from "node:test";

import { pauseAfter, withoutTokens } from "../src/pages/live.ts";
import { missing } from "../src/pages/model-upload.ts";

test("a form that differs in its masked token alone is no news", () => {
  const form = (token: string, words: string): string =>
    `<form><input type="hidden" name="csrfmiddlewaretoken" value="${token}"><b>${words}</b></form>`;
  assert.equal(withoutTokens(form("abc", "34 %")), withoutTokens(form("xyz", "34 %")));
  assert.notEqual(withoutTokens(form("abc", "34 %")), withoutTokens(form("abc", "35 %")));
});

test("a page asks every second or two while something runs, seldom otherwise, and soon again when the network is away", () => {
  assert.ok(pauseAfter("busy") >= 1000 && pauseAfter("busy") <= 2000);
  assert.equal(pauseAfter("busy", 800), 800);
  assert.ok(pauseAfter("away") > pauseAfter("busy") && pauseAfter("away") < pauseAfter("idle"));
});

test("the import of a model says what is missing, one thing at a time", () => {
  const zip = new File(["PK"], "model.ZIP");
  const sha = "0123456789abcdef".repeat(4);
  assert.match(missing(null, "", "", false), /^No file is chosen\./);
  assert.match(missing(new File([""], "model.pth"), "a", sha, true), /^The file is no zip\./);
  assert.match(missing(zip, "", sha, true), /^The model has no name\./);
  for (const wrong of ["", sha.slice(1), `${sha}0`, sha.toUpperCase(), "g".repeat(64)]) assert.match(missing(zip, "a", wrong, true), /^The sha256 is not/);
  assert.match(missing(zip, "a", sha, false), /^Say that you know/);
  assert.equal(missing(zip, "a", sha, true), "");
});
