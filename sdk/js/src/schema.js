// Schemas of arguments: each has its JSON Schema, and reads a value from JSON. Types and docs are in index.d.ts.

import { InvalidArguments } from "./errors.js";

export const string = (description) => plain("string", description, (value) => typeof value === "string");
export const number = (description) => plain("number", description, (value) => typeof value === "number");
export const integer = (description) => plain("integer", description, Number.isInteger);
export const boolean = (description) => plain("boolean", description, (value) => typeof value === "boolean");

function plain(type, description, fits) {
  return schema({ type }, description, (value, where) => {
    if (!fits(value)) throw misfit(where, `a value of the type ${type}`);
    return value;
  });
}

export function oneOf(values, description) {
  return schema({ type: "string", enum: values }, description, (value, where) => {
    if (!values.includes(value)) throw misfit(where, `one of ${values.join(", ")}`);
    return value;
  });
}

export function array(items, description) {
  return schema({ type: "array", items: items.json }, description, (value, where) => {
    if (!Array.isArray(value)) throw misfit(where, "a list");
    return value.map((item, index) => items.read(item, `${where}[${index}]`));
  });
}

export function optional(inner) {
  const { description, ...json } = inner.json;
  const nullable = typeof json.type === "string" && !json.enum;
  const either = nullable ? { ...json, type: [json.type, "null"] } : { anyOf: [json, { type: "null" }] };
  const read = (value, where) => (value === undefined || value === null ? undefined : inner.read(value, where));
  return { ...schema(either, description, read), optional: true };
}

export function object(members, description) {
  const names = Object.keys(members);
  const json = { type: "object", additionalProperties: false };
  if (names.length > 0) json.properties = Object.fromEntries(names.map((name) => [name, members[name].json]));
  const required = names.filter((name) => !members[name].optional);
  if (required.length > 0) json.required = required;
  return schema(json, description, (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw misfit(where, "an object");
    const prefix = where === "" ? "" : `${where}.`;
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(members, name)) throw new InvalidArguments(`there is no argument \`${prefix}${name}\``);
    }
    return Object.fromEntries(names.map((name) => [name, member(members[name], value, name, prefix)]));
  });
}

function member(schema, value, name, prefix) {
  if (!Object.hasOwn(value, name) && !schema.optional) {
    throw new InvalidArguments(`the argument \`${prefix}${name}\` is missing`);
  }
  return schema.read(Object.hasOwn(value, name) ? value[name] : undefined, prefix + name);
}

function schema(json, description, read) {
  return { json: description === undefined ? json : { description, ...json }, read, optional: false };
}

function misfit(where, wanted) {
  return new InvalidArguments(`${where === "" ? "the arguments" : `the argument \`${where}\``} must be ${wanted}`);
}
