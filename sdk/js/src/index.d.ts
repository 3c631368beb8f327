// The parts of a component that need no host. The modules beside this one (`openclaw-sdk/files`, `…/http`, `…/secrets`, …) need one:
// what a component does not import from them it does not import from the host, and cannot be granted.

/** A schema of JSON: what the model sees, and how a value of type `T` is read. */
export interface Schema<T> {
  readonly json: object;
  readonly optional: boolean;
  /** Reads a value; `where` is its place in the arguments. Throws {@link InvalidArguments}. */
  read(value: unknown, where: string): T;
}

/** The type that a schema reads. */
export type Read<S> = S extends Schema<infer T> ? T : never;

export function string(description?: string): Schema<string>;
export function number(description?: string): Schema<number>;
/** A whole number. JSON carries it exactly up to 2^53 − 1. */
export function integer(description?: string): Schema<number>;
export function boolean(description?: string): Schema<boolean>;
/** One of these texts. */
export function oneOf<const T extends string>(values: readonly T[], description?: string): Schema<T>;
export function array<T>(items: Schema<T>, description?: string): Schema<T[]>;
/** A member that may be missing or `null`; both are read as `undefined`. */
export function optional<T>(inner: Schema<T>): Schema<T | undefined>;
/** An object of exactly these members. */
export function object<M extends Record<string, Schema<any>>>(
  members: M,
  description?: string,
): Schema<{ [K in keyof M]: Read<M[K]> }>;

/** One tool as the model sees it. */
export interface Tool<T> {
  /** 1 to 64 of `a-z A-Z 0-9 - _`, unique over all components that the owner installs. */
  name: string;
  /** One paragraph for the model, at most 4,096 bytes: what the tool does and when to use it. */
  description: string;
  /** The arguments; none if not said. */
  input?: Schema<T>;
  /** Whether results carry text from outside the owner, e.g. a web page. The host then treats the session as tainted. */
  untrustedOutput?: boolean;
  /**
   * Runs one call and returns text for the model, or a value that is then written as JSON, at most 1 MiB. Each call runs in a
   * fresh instance: nothing that it leaves in memory survives it. Throw a {@link ToolError}; anything else is a crash.
   */
  run(args: T): unknown;
}

export function tool<T = {}>(tool: Tool<T>): Tool<T>;

/** A component: the default export of the file that `openclaw-sdk build` is given. */
export interface Component {
  /** Runs a tool on arguments in JSON, as the host does. For tests where there is no host. Throws what the tool throws. */
  call(tool: string, args: string): string;
}

export function component(component: {
  /** 1 to 64 of `a-z 0-9 - _`. */
  name: string;
  /** A semantic version. */
  version: string;
  /** One sentence for people. */
  summary: string;
  /** What it wants to reach; none if not said. */
  scopes?: Scope[];
  tools: Tool<any>[];
}): Component;

/** What a component asks for. What it gets is the owner's decision. */
export interface Scope {
  readonly tag: string;
  readonly val?: unknown;
}

export type Access = "read" | "read-write";

export const scope: {
  /** The agent's workspace, for `openclaw-sdk/files` and `…/workspace`; `read` if not said. */
  workspace(access?: Access): Scope;
  /** Any folder by its name: `workspace`, `scratch`, or one that the owner has named. */
  folder(name: string, access?: Access): Scope;
  /**
   * Servers and methods, for `openclaw-sdk/http`. `pattern` is `scheme://host[:port]`, where the host may start with `*.` (exactly
   * one label), or `*` alone for any host: the owner is then asked for each request. `paths` are prefixes, e.g. `/v1/`.
   */
  http(pattern: string, methods: string[], paths?: string[]): Scope;
  /** Programs, for `openclaw-sdk/exec`: one pattern per argument, `*` for exactly one, a final `**` for any number. */
  exec(...argv: string[]): Scope;
  /** WebSocket and TCP servers, `SCHEME://HOST[:PORT]` with `ws`, `wss`, `tcp` or `tls`. */
  net(pattern: string): Scope;
  /** A secret of the owner's vault, to be sent in headers and never seen; with `reveal`, to be seen. */
  secret(name: string, options?: { reveal?: boolean }): Scope;
  /** A key-value store of the component's own, for `openclaw-sdk/keyvalue`. */
  store(name: string): Scope;
  /** A model, by alias, for `openclaw-sdk/llm`; `default` if not said. */
  model(alias?: string): Scope;
  /** Messages into the run's own conversation, for `openclaw-sdk/message`. */
  messages(): Scope;
  /** Other conversations, for `openclaw-sdk/sessions`: `read` if not said; `read-write` to talk to them and start sub-agents as well. */
  sessions(access?: Access): Scope;
};

/** Why a call gives no result. Throw one of the classes below. */
export class ToolError extends Error {}
/** The arguments make no sense: say which, why, and what would. */
export class InvalidArguments extends ToolError {}
/** The host refused something the tool needs. */
export class Denied extends ToolError {
  constructor(code: string, reason: string);
  /** Stable, e.g. `E_POLICY_DENY`. */
  readonly code: string;
  readonly reason: string;
}
/** The thing named by the arguments does not exist. */
export class NotFound extends ToolError {}
/** A limit was reached; the message names it. */
export class Limit extends ToolError {}
/** The owner or the end of the run stopped the call. */
export class Cancelled extends ToolError {
  constructor();
}
/** Something outside could not be reached; trying later may help. */
export class Unavailable extends ToolError {}
/** Anything else. `sent` says whether something may have taken effect, so that trying again could do it twice. */
export class Failed extends ToolError {
  constructor(message: string, options?: { sent?: boolean });
  readonly sent: boolean;
}
