// HTTP requests through the host. Needs an `http` scope; the owner decides on servers and methods. Redirects are answers like any
// other: the host follows none, so that each hop is a request of its own and decided as such.

export interface Options {
  /** The host refuses some names, e.g. `Host`. A secret goes in as its placeholder. */
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** Longest body that is read of the answer, in bytes; 1 MiB if not said. */
  maxBodyBytes?: number;
}

/** The answer to a request. Any status is an answer, not an error. */
export interface Response {
  /** 100 to 599. */
  readonly status: number;
  /** Names as the server sent them, and raw values. */
  readonly headers: [string, Uint8Array][];
  readonly body: Uint8Array;
  /** Whether there was more of the body, which was not read. */
  readonly cut: boolean;
  /** The first header of this name, in any case. */
  header(name: string): string | undefined;
  /** The body as UTF-8; what is none becomes U+FFFD. */
  text(): string;
  /** The body as JSON; throws `Failed` if it is none. */
  json(): any;
}

/** `GET`; as {@link request}. */
export function get(url: string, options?: Options): Response;
/**
 * Sends a request. `url` is absolute; its fragment is not sent. Waits for the owner where policy asks.
 *
 * Throws `InvalidArguments` if the URL or a header has no valid form, `Denied` if the host refuses, `Unavailable` if the server
 * cannot be reached, `Limit` if it sends too much, and `Failed` otherwise, which says whether the request may have arrived.
 */
export function request(method: string, url: string, options?: Options): Response;
