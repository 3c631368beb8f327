// Makes names for files and addresses of titles.

import { component, integer, object, optional, string, tool } from "openclaw-sdk";

const LETTERS: Record<string, string> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss", æ: "ae", ø: "oe", å: "aa", œ: "oe", ł: "l" };

/** A name of `a-z 0-9 -`, at most `length` characters long, that ends with a whole word where one fits. */
export function slug(title: string, length: number): string {
  const plain = [...title.toLowerCase()].map((letter) => LETTERS[letter] ?? letter).join("");
  const words = plain.normalize("NFKD").replace(/\p{M}/gu, "").match(/[a-z0-9]+/g) ?? [];
  let name = "";
  for (const word of words) {
    const longer = name === "" ? word : `${name}-${word}`;
    if (longer.length > length) return name === "" ? word.slice(0, length) : name;
    name = longer;
  }
  return name;
}

const slugTool = tool({
  name: "slug",
  description: "Makes a name for a file or an address of a title, e.g. `uebers-meer` of `Übers Meer`.",
  input: object({
    title: string("The title."),
    max_length: optional(integer("Longest name in characters; 60 if not said.")),
  }),
  run: ({ title, max_length }) => slug(title, Math.max(max_length ?? 60, 1)),
});

export default component({
  name: "slug",
  version: "0.1.0",
  summary: "Makes names of titles.",
  tools: [slugTool],
});
