/**
 * TypeScript types from the server's OpenAPI schema. Our own few lines because the known generators need the compiler's
 * old JavaScript API, which the TypeScript used here no longer has.
 */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly description?: string;
  readonly readOnly?: boolean;
}

interface Body {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Operation {
  readonly operationId: string;
  readonly description?: string;
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const HEAD = `/* Made by \`npm run api\` from openapi.json: the shapes of what the server takes and answers. Do not edit. */

`;

/** The whole text of src/api/schema.ts. */
export function typesOf(api: OpenApi): string {
  const names = Object.keys(api.components.schemas).sort();
  const shapes = names.map((name) => declaration(name, api.components.schemas[name] as Schema));
  return `${HEAD}${shapes.join("\n\n")}\n\n${endpoints(api)}`;
}

function declaration(name: string, schema: Schema): string {
  // The schema describes a choice by repeating its words; the type says them already.
  const comment = schema.enum ? "" : commentOf(schema.description);
  if (schema.properties) return `${comment}export interface ${name} ${objectOf(schema, "")}`;
  return `${comment}export type ${name} = ${typeOf(schema, "")};`;
}

function typeOf(schema: Schema, indent: string): string {
  const type = plainTypeOf(schema, indent);
  return schema.nullable && !type.split(" | ").includes("null") ? `${type} | null` : type;
}

function plainTypeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return schema.$ref.replace("#/components/schemas/", "");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.oneOf ?? schema.anyOf) return unionOf(schema.oneOf ?? schema.anyOf ?? [], indent);
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, indent)).join(" & ");
  if (schema.type === "array") {
    const items = typeOf(schema.items ?? {}, indent);
    return `readonly ${/[ |&]/.test(items) ? `(${items})` : items}[]`;
  }
  if (schema.properties) return objectOf(schema, indent);
  if (schema.type === "object") {
    const { additionalProperties: values } = schema;
    return `Readonly<Record<string, ${typeof values === "object" ? typeOf(values, indent) : "unknown"}>>`;
  }
  return { string: "string", integer: "number", number: "number", boolean: "boolean" }[schema.type ?? ""] ?? "unknown";
}

const unionOf = (parts: readonly Schema[], indent: string): string => [...new Set(parts.map((part) => typeOf(part, indent)))].join(" | ");

function objectOf(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const comment = property.description ? `${inner}/** ${oneLine(property.description)} */\n` : "";
    return `${comment}${inner}readonly ${name}${required.has(name) ? "" : "?"}: ${typeOf(property, inner)};`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** One entry per path and method: what goes in, what comes out with 200. */
function endpoints(api: OpenApi): string {
  const entries = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const body = jsonOf(operation.requestBody);
      const answer = jsonOf(operation.responses["200"] ?? operation.responses["201"]);
      const key = `"${method.toUpperCase()} ${path}"`;
      return `${commentOf(operation.description, "  ")}  readonly ${key}: { readonly body: ${body}; readonly answer: ${answer} };`;
    }),
  );
  return `/** Every address, with what it takes and what it answers. */\nexport interface Endpoints {\n${entries.join("\n")}\n}\n`;
}

function jsonOf(body: Body | undefined): string {
  const schema = body?.content?.["application/json"]?.schema;
  return schema ? typeOf(schema, "  ") : "undefined";
}

const commentOf = (text: string | undefined, indent = ""): string => (text ? `${indent}/** ${oneLine(text)} */\n` : "");

const oneLine = (text: string): string => text.replace(/\s+/g, " ").replaceAll("*/", "").trim();
