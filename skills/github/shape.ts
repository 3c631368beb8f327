// From GitHub's answers to what a model reads, and to what went wrong. Pure.

import { Denied, Failed, InvalidArguments, NotFound, type ToolError, Unavailable } from "openclaw-sdk";

/** What is kept of a description, of a comment, and of a line of a file. */
const MAX_BODY = 8_000;
const MAX_COMMENT = 2_000;
const MAX_LINE = 2_000;

/** Of a user: GitHub gives none for accounts that are gone. */
type User = { login: string } | null;

/** An issue or a pull request, as far as it is shown. */
export interface Issue {
  number: number;
  title: string;
  state: string;
  user: User;
  labels: ({ name?: string | null } | string)[];
  comments: number;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
  html_url: string;
  body?: string | null;
  draft?: boolean;
  pull_request?: { merged_at?: string | null };
}

export interface Comment {
  user: User;
  created_at: string;
  body?: string | null;
}

/** What lies at a path: a file, or what a folder lists. */
export interface Entry {
  type: string;
  name: string;
  path: string;
  size: number;
  encoding?: string;
  content?: string;
  target?: string;
}

/** The part of an answer that says what went wrong. */
export interface Answer {
  status: number;
  header(name: string): string | undefined;
  text(): string;
}

/** `owner/name`; anything else could lead to another place of the API. */
export function repository(text: string): string {
  const parts = text.trim().split("/");
  const isName = (part: string) => /^[\w.-]{1,100}$/.test(part) && part !== "." && part !== "..";
  if (parts.length !== 2 || !parts.every(isName)) {
    throw new InvalidArguments(`\`${text}\` is no repository; write e.g. \`rust-lang/cargo\``);
  }
  return parts.join("/");
}

/** A path for an address, without the slashes around it. */
export function encodedPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === "..")) {
    throw new InvalidArguments(`\`${path}\` is no path of a repository: it has a \`.\` or \`..\``);
  }
  return parts.map(encodeURIComponent).join("/");
}

/** A whole number within its range. */
export function within(name: string, value: number, least: number, most: number): number {
  if (value < least || value > most) {
    throw new InvalidArguments(`\`${name}\` is ${value}; it can be ${least} to ${most}`);
  }
  return value;
}

/** Why an answer that is not as wanted gives nothing; `what` was asked for. */
export function refusal(answer: Answer, what: string): ToolError {
  const { status } = answer;
  const said = message(answer);
  const later = wait(answer);
  if (later !== undefined) return new Unavailable(`GitHub gets too many requests; try again ${later}`);
  switch (status) {
    case 401:
      return new Unavailable("GitHub refuses the token; check the secret `github` in the vault");
    case 403:
      return new Denied("E_GITHUB", `GitHub refuses this: ${said}; the token needs the right for it`);
    case 404:
    case 410:
      return new NotFound(`GitHub has no ${what}, or the token must not see it`);
    case 422:
      return new InvalidArguments(`GitHub does not understand this, or must not show it: ${said}`);
  }
  if (status >= 500) return new Unavailable(`GitHub answered ${status}; try again later`);
  return new Failed(`GitHub answered ${status}: ${said}`);
}

/** When to ask again, if too much was asked; `undefined` if that is not what is wrong. */
function wait(answer: Answer): string | undefined {
  if (answer.status !== 403 && answer.status !== 429) return undefined;
  const seconds = answer.header("retry-after");
  if (seconds !== undefined) return `in ${seconds} s`;
  if (answer.header("x-ratelimit-remaining") === "0") {
    const reset = Number(answer.header("x-ratelimit-reset"));
    return reset > 0 ? `after ${new Date(reset * 1000).toISOString()}` : "in an hour";
  }
  return answer.status === 429 ? "in a minute" : undefined;
}

function message(answer: Answer): string {
  try {
    const { message, errors } = JSON.parse(answer.text());
    const more = Array.isArray(errors) ? errors.map((error) => error?.message).filter(Boolean) : [];
    return [message, ...more].join(" ").slice(0, 500);
  } catch {
    return "it says nothing more";
  }
}

/** A list of what was found; `page` of pages of `count`. */
export function showIssues(items: Issue[], total: number, page: number, count: number): string {
  if (items.length === 0) return page === 1 ? "nothing was found" : `there is nothing on page ${page}`;
  const first = (page - 1) * count + 1;
  const last = first + items.length - 1;
  const more = last < total ? `; more on page ${page + 1}` : "";
  return [`${first} to ${last} of ${total}${more}`, ...items.map(line)].join("\n");
}

function line(issue: Issue): string {
  const about = [stateOf(issue), `by ${login(issue.user)}`, `${issue.comments} comments`, `changed ${day(issue.updated_at)}`];
  return `#${issue.number} ${oneLine(issue.title)}${labels(issue)}\n   ${about.join(", ")}`;
}

/** An issue with a page of its comments. */
export function showIssue(issue: Issue, comments: Comment[], page: number, count: number): string {
  const kind = issue.pull_request ? "pull request" : "issue";
  const closed = issue.closed_at ? ` on ${day(issue.closed_at)}` : "";
  const head = [
    `#${issue.number} ${oneLine(issue.title)}${labels(issue)}`,
    `${kind}, ${stateOf(issue)}${closed}, by ${login(issue.user)} on ${day(issue.created_at)}, ${issue.comments} comments`,
    issue.html_url,
  ];
  const parts = [head.join("\n"), cut(issue.body ?? "", MAX_BODY) || "(no description)"];
  for (const comment of comments) {
    parts.push(`--- ${login(comment.user)}, ${day(comment.created_at)}\n${cut(comment.body ?? "", MAX_COMMENT)}`);
  }
  if (page * count < issue.comments) parts.push(`--- more comments on page ${page + 1}`);
  return parts.join("\n\n");
}

/** What a folder lists: folders first. */
export function showFolder(path: string, entries: Entry[]): string {
  const isFolder = (entry: Entry) => Number(entry.type === "dir");
  const sorted = [...entries].sort((a, b) => isFolder(b) - isFolder(a) || (a.name < b.name ? -1 : 1));
  const lines = sorted.map(({ type, name, size }) => {
    if (type === "dir") return `${name}/`;
    return type === "file" ? `${name} (${size} bytes)` : `${name} (${type})`;
  });
  return [`\`${path || "/"}\` lists ${entries.length}:`, ...lines].join("\n");
}

/** Lines of a file, from the first one on. */
export function showFile(file: Entry, from: number, count: number): string {
  if (file.type !== "file") {
    const target = file.target ? ` to \`${file.target}\`` : "";
    throw new InvalidArguments(`\`${file.path}\` is a ${file.type}${target}, and no file`);
  }
  if (file.encoding !== "base64") throw new Failed(`\`${file.path}\` has ${file.size} bytes, which GitHub does not send here`);
  const text = textOf(file.content ?? "");
  if (text === undefined) throw new Failed(`\`${file.path}\` (${file.size} bytes) is not text`);
  const lines = text.replace(/\n$/, "").split("\n");
  if (from > lines.length) throw new InvalidArguments(`\`${file.path}\` has only ${lines.length} lines`);
  const shown = lines.slice(from - 1, from - 1 + count).map((line) => cut(line, MAX_LINE));
  const last = from - 1 + shown.length;
  const more = last < lines.length ? `; go on with line ${last + 1}` : "";
  return [`\`${file.path}\`, lines ${from} to ${last} of ${lines.length}${more}`, ...shown].join("\n");
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The text of base64 with line ends; `undefined` if it is not UTF-8, or holds a zero. */
export function textOf(base64: string): string | undefined {
  const escaped: string[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of base64) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) continue;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    const byte = (held >> bits) & 0xff;
    if (byte === 0) return undefined;
    escaped.push(`%${byte < 16 ? "0" : ""}${byte.toString(16)}`);
  }
  try {
    return decodeURIComponent(escaped.join(""));
  } catch {
    return undefined;
  }
}

function stateOf(issue: Issue): string {
  if (issue.pull_request?.merged_at) return "merged";
  return issue.draft && issue.state === "open" ? "draft" : issue.state;
}

function labels(issue: Issue): string {
  const names = issue.labels.map((label) => (typeof label === "string" ? label : label.name)).filter(Boolean);
  return names.length === 0 ? "" : ` [${names.join(", ")}]`;
}

const login = (user: User) => user?.login ?? "ghost";
const day = (time: string) => time.slice(0, 10);
const oneLine = (text: string) => text.replace(/\s+/g, " ");

function cut(text: string, most: number): string {
  const plain = text.replace(/\r\n/g, "\n").trimEnd();
  return plain.length <= most ? plain : `${plain.slice(0, most)}… (${plain.length - most} characters more)`;
}
