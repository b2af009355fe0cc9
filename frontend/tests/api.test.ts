import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { typesOf, type OpenApi } from "../scripts/openapi-types.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf-8");

test("the committed client types are those of the server's schema: run npm run api after a change", () => {
  assert.equal(read("../src/api/schema.ts"), typesOf(JSON.parse(read("../openapi.json")) as OpenApi));
});

test("nullable, optional, lists, maps and choices keep their meaning", () => {
  const api: OpenApi = {
    paths: {},
    components: {
      schemas: {
        Shape: {
          type: "object",
          required: ["a", "c"],
          properties: {
            a: { type: "string", nullable: true },
            b: { type: "array", items: { type: "integer" } },
            c: { type: "object", additionalProperties: { $ref: "#/components/schemas/Word" } },
          },
        },
        Word: { enum: ["x", "y"] },
      },
    },
  };
  const text = typesOf(api);
  assert.match(text, /readonly a: string \| null;/);
  assert.match(text, /readonly b\?: readonly number\[\];/);
  assert.match(text, /readonly c: Readonly<Record<string, Word>>;/);
  assert.match(text, /export type Word = "x" \| "y";/);
});
