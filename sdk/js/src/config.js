// What the owner wrote down for this component.

import { get as one, getAll as all } from "wasi:config/store@0.2.0-rc.1";

import { Failed } from "./errors.js";
import { reason } from "./host.js";

export const get = (key) => read(() => one(key)) ?? undefined;

export const getAll = () => Object.fromEntries(read(() => all()));

function read(call) {
  try {
    return call();
  } catch (thrown) {
    const error = reason(thrown);
    throw error?.tag ? new Failed(error.val) : error;
  }
}
