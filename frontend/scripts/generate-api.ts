/** `npm run api`: writes src/api/schema.ts from openapi.json. */

import { readFileSync, writeFileSync } from "node:fs";

import { typesOf, type OpenApi } from "./openapi-types.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf-8");

writeFileSync(new URL("../src/api/schema.ts", import.meta.url), typesOf(JSON.parse(read("../openapi.json")) as OpenApi));
