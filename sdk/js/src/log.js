// Lines for the host's log.

import { log } from "wasi:logging/logging@0.1.0-draft";

export const debug = (message, context = "") => log("debug", context, message);
export const info = (message, context = "") => log("info", context, message);
export const warn = (message, context = "") => log("warn", context, message);
export const error = (message, context = "") => log("error", context, message);
