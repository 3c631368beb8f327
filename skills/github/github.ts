// The skill `github`: issues, pull requests and files of repositories. `shape` is pure.
//
// Settings (`components.github.config`): `url`, where GitHub's API is, e.g. `https://github.example/api/v3`.

import { component, integer, object, oneOf, optional, scope, string, tool } from "openclaw-sdk";
import * as config from "openclaw-sdk/config";
import { type Response, request } from "openclaw-sdk/http";
import { placeholder } from "openclaw-sdk/secrets";
import { Denied, Failed, InvalidArguments } from "openclaw-sdk";

import {
  type Comment, type Entry, type Issue, encodedPath, refusal, repository, showFile, showFolder, showIssue, showIssues, within,
} from "./shape.ts";

const API = "https://api.github.com";
const SECRET = "github";
/** A file of 1 MiB in base64, and what stands around it. */
const MAX_ANSWER = 2 << 20;
const MAX_COMMENT = 64_000;
const COMMENTS = 30;

const repo = string("The repository, e.g. `rust-lang/cargo`.");
const number = integer("Number of the issue or pull request.");

const issues = tool({
  name: "github_issues",
  description: "Lists or searches issues or pull requests of a repository on GitHub, the newest first.",
  untrustedOutput: true,
  input: object({
    repo,
    query: optional(string("Words to search for, or GitHub's qualifiers, e.g. `label:bug author:ada`.")),
    kind: optional(oneOf(["issue", "pull"], "Default: issue.")),
    state: optional(oneOf(["open", "closed", "all"], "Default: open.")),
    count: optional(integer("How many on a page: 1 to 50. Default: 20.")),
    page: optional(integer("Default: 1.")),
  }),
  run: (args) => {
    const count = within("count", args.count ?? 20, 1, 50);
    // Search gives no more than the first thousand.
    const page = within("page", args.page ?? 1, 1, Math.floor(1000 / count));
    const terms = [`repo:${repository(args.repo)}`, `is:${args.kind === "pull" ? "pull-request" : "issue"}`];
    if (args.state !== "all") terms.push(`state:${args.state ?? "open"}`);
    const words = args.query?.trim() ?? "";
    if (/(^|\s)-?(repo|org|user):/i.test(words)) throw new InvalidArguments("name the repository in `repo`, not in `query`");
    if (words !== "") terms.push(words);
    const path = `/search/issues?q=${encodeURIComponent(terms.join(" "))}&sort=created&order=desc&per_page=${count}&page=${page}`;
    const found = get(path, `repository \`${args.repo}\``).json();
    return showIssues(found.items as Issue[], found.total_count, page, count);
  },
});

const issue = tool({
  name: "github_issue",
  description: "Reads an issue or a pull request on GitHub with its comments.",
  untrustedOutput: true,
  input: object({ repo, number, page: optional(integer(`Page of ${COMMENTS} comments. Default: 1.`)) }),
  run: (args) => {
    const page = within("page", args.page ?? 1, 1, 1000);
    const path = issuePath(args.repo, args.number);
    const what = `issue #${args.number} in \`${args.repo}\``;
    const found = get(path, what).json() as Issue;
    const wanted = (page - 1) * COMMENTS < found.comments;
    const comments = wanted ? get(`${path}/comments?per_page=${COMMENTS}&page=${page}`, what).json() : [];
    return showIssue(found, comments as Comment[], page, COMMENTS);
  },
});

const file = tool({
  name: "github_file",
  description: "Reads a text file of a repository on GitHub, or lists a folder.",
  untrustedOutput: true,
  input: object({
    repo,
    path: optional(string("File or folder. Default: the repository's root.")),
    ref: optional(string("Branch, tag or commit. Default: the repository's default branch.")),
    line: optional(integer("First line to read. Default: 1.")),
    lines: optional(integer("How many lines: 1 to 2000. Default: 400.")),
  }),
  run: (args) => {
    const line = within("line", args.line ?? 1, 1, Number.MAX_SAFE_INTEGER);
    const lines = within("lines", args.lines ?? 400, 1, 2000);
    const path = encodedPath(args.path ?? "");
    const ref = args.ref === undefined ? "" : `?ref=${encodeURIComponent(args.ref)}`;
    const found = get(`/repos/${repository(args.repo)}/contents/${path}${ref}`, `\`${args.path ?? "/"}\` in \`${args.repo}\``).json();
    return Array.isArray(found) ? showFolder(args.path ?? "", found as Entry[]) : showFile(found as Entry, line, lines);
  },
});

const comment = tool({
  name: "github_comment",
  description: "Writes a comment, in Markdown, under an issue or a pull request on GitHub. Everybody who sees the issue sees it.",
  untrustedOutput: true,
  input: object({ repo, number, text: string("The comment.") }),
  run: (args) => {
    const text = args.text.trim();
    if (text === "" || text.length > MAX_COMMENT) throw new InvalidArguments(`a comment has 1 to ${MAX_COMMENT} characters`);
    const what = `issue #${args.number} in \`${args.repo}\``;
    const url = `${api()}${issuePath(args.repo, args.number)}/comments`;
    const answer = request("POST", url, { headers: headers(), body: JSON.stringify({ body: text }) });
    if (answer.status !== 201) throw refusal(answer, what);
    return `commented: ${answer.json().html_url}`;
  },
});

const issuePath = (repo: string, number: number) =>
  `/repos/${repository(repo)}/issues/${within("number", number, 1, Number.MAX_SAFE_INTEGER)}`;

/** An answer 200. What has moved is followed once, on the same server. */
function get(path: string, what: string): Response {
  const base = api();
  let answer = request("GET", base + path, { headers: headers(), maxBodyBytes: MAX_ANSWER });
  const place = answer.header("location");
  if ([301, 302, 307, 308].includes(answer.status) && place?.startsWith(`${base}/`)) {
    answer = request("GET", place, { headers: headers(), maxBodyBytes: MAX_ANSWER });
  }
  if (answer.status !== 200) throw refusal(answer, what);
  if (answer.cut) throw new Failed(`GitHub sends more than ${MAX_ANSWER} bytes for ${what}`);
  return answer;
}

const api = () => (config.get("url") ?? API).replace(/\/+$/, "");

/** Without the secret, GitHub shows what everybody may see. */
function headers(): Record<string, string> {
  const plain = {
    accept: "application/vnd.github+json",
    "x-github-api-version": "2022-11-28",
    // GitHub wants to know who asks.
    "user-agent": "openclaw-host",
  };
  try {
    return { ...plain, authorization: `Bearer ${placeholder(SECRET)}` };
  } catch (error) {
    if (error instanceof Denied) return plain;
    throw error;
  }
}

export default component({
  name: "github",
  version: "0.1.0",
  summary: "Reads issues, pull requests and files on GitHub, and comments.",
  scopes: [
    scope.http(API, ["GET"], ["/repos/", "/repositories/", "/search/"]),
    scope.http(API, ["POST"], ["/repos/"]),
    scope.http("*", ["GET", "POST"], ["/api/v3/"]),
    scope.secret(SECRET),
  ],
  tools: [issues, issue, file, comment],
});
