// The run that the current call serves.

import { getBudget, getInfo, isCancelled as cancelled, progress as report } from "openclaw:session/run@0.1.0";

import { none } from "./host.js";

export const info = () => getInfo();

export function budget() {
  const { cpuMs, memoryBytes, effects } = getBudget();
  return { cpuMs: Number(cpuMs), memoryBytes: Number(memoryBytes), effects };
}

export const isCancelled = () => cancelled();

export const progress = (note, percent) => report(percent ?? none, note);
