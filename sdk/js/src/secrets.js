// Secrets of the owner's vault.

import { get, reveal as revealed } from "openclaw:secrets/secrets@0.1.0";

import { asTool } from "./host.js";

export const placeholder = (name) => asTool(() => get(name).placeholder());

export const reveal = (name) => asTool(() => revealed(get(name)));
