import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, decodeLossy, encode } from "../src/text.js";

const TEXTS = ["", "tea", "ü", "\u{1f375} tea", "\u07ff\u0800\uffff\u{10000}\u{10ffff}", "x".repeat(10_000), "\ud800a"];

test("text becomes the bytes that TextEncoder makes of it", () => {
  for (const text of TEXTS) assert.deepEqual(encode(text), new TextEncoder().encode(text));
});

test("bytes become the text that TextDecoder makes of them", () => {
  for (const text of TEXTS) assert.equal(decode(encode(text)), new TextDecoder().decode(encode(text)));
});

test("what is no UTF-8 is noticed, or shown as such, as TextDecoder does", () => {
  const wrong = [[0xff], [0xc3], [0xc0, 0x80], [0x61, 0x80, 0x62], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80]];
  for (const bytes of wrong.map((bytes) => new Uint8Array(bytes))) {
    assert.equal(decode(bytes), undefined);
    assert.ok(decodeLossy(bytes).includes("\ufffd"));
  }
  assert.equal(decodeLossy(new Uint8Array([0x61, 0xff, 0x62])), "a\ufffdb");
});
