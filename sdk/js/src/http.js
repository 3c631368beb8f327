// HTTP requests through the host.

import { handle } from "wasi:http/outgoing-handler@0.2.0";
import { Fields, OutgoingBody, OutgoingRequest, httpErrorCode } from "wasi:http/types@0.2.0";

import { concat } from "./bytes.js";
import { Denied, Failed, InvalidArguments, Limit, Unavailable } from "./errors.js";
import { drop, none, reason, u64 } from "./host.js";
import { decodeLossy, encode } from "./text.js";

/** Bytes asked for at once: one frame between the component and the host. */
const CHUNK_BYTES = 64 * 1024;
/** Bytes that `blocking-write-and-flush` takes at most, by its contract. */
const WRITE_BYTES = 4096;
const DEFAULT_BODY_BYTES = 1024 * 1024;

const SAFE = ["GET", "HEAD", "OPTIONS"];
const NAMED = [...SAFE, "POST", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH"];

export function get(url, options) {
  return request("GET", url, options);
}

export function request(method, url, { headers = {}, body = "", maxBodyBytes = DEFAULT_BODY_BYTES } = {}) {
  const target = parts(url);
  const outgoing = outgoingRequest(method, target, headers);
  try {
    const sending = outgoing.body();
    const answer = handle(outgoing, none);
    write(sending, encode(body));
    const ready = answer.subscribe();
    ready.block();
    drop(ready);
    // That there is one, that it is taken once, and the answer itself.
    const incoming = answer.get().val;
    drop(answer);
    if (incoming.tag === "err") throw incoming.val;
    return readResponse(incoming.val, maxBodyBytes);
  } catch (thrown) {
    throw failure(method, target.authority, reason(thrown));
  }
}

/** Only cut apart here: the host parses and judges them. */
function parts(url) {
  const found = /^([^:/?#]+):\/\/([^/?\\#]+)([^#]*)(#.*)?$/s.exec(url);
  if (!found) throw new InvalidArguments(`\`${url}\` is not an absolute URL`);
  const path = found[3].startsWith("/") ? found[3] : `/${found[3]}`;
  return { url, scheme: found[1].toLowerCase(), authority: found[2], path };
}

function outgoingRequest(method, { url, scheme, authority, path }, headers) {
  const schemes = { http: { tag: "HTTP" }, https: { tag: "HTTPS" } };
  try {
    const fields = Fields.fromList(Object.entries(headers).map(([name, value]) => [name, encode(value)]));
    const outgoing = new OutgoingRequest(fields);
    outgoing.setMethod(NAMED.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method });
    outgoing.setScheme(schemes[scheme] ?? { tag: "other", val: scheme });
    outgoing.setAuthority(authority);
    outgoing.setPathWithQuery(path);
    return outgoing;
  } catch (thrown) {
    throw new InvalidArguments(`the request to \`${url}\` is malformed: ${reason(thrown)?.tag ?? thrown ?? "refused"}`);
  }
}

function write(sending, bytes) {
  if (bytes.length > 0) {
    const stream = sending.write();
    try {
      for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
        stream.blockingWriteAndFlush(bytes.subarray(at, at + WRITE_BYTES));
      }
    } catch {
      // The server may answer before it has read everything; that answer counts.
    }
    drop(stream);
  }
  OutgoingBody.finish(sending, none);
}

function readResponse(incoming, maxBytes) {
  const status = incoming.status();
  const fields = incoming.headers();
  const headers = fields.entries();
  const body = incoming.consume();
  const stream = body.stream();
  try {
    const { bytes, cut } = readBody(stream, maxBytes);
    return new Response(status, headers, bytes, cut);
  } finally {
    drop(stream, body, fields, incoming);
  }
}

function readBody(stream, maxBytes) {
  const chunks = [];
  let length = 0;
  try {
    while (length <= maxBytes) {
      const chunk = stream.blockingRead(u64(CHUNK_BYTES));
      chunks.push(chunk);
      length += chunk.length;
    }
  } catch (thrown) {
    const error = reason(thrown);
    if (error?.tag !== "closed") {
      throw (error?.tag && httpErrorCode(error.val)) ?? { tag: "HTTP-response-incomplete" };
    }
    return { bytes: concat(chunks, length), cut: false };
  }
  return { bytes: concat(chunks, length).subarray(0, maxBytes), cut: true };
}

class Response {
  constructor(status, headers, body, cut) {
    Object.assign(this, { status, headers, body, cut });
  }

  header(name) {
    const found = this.headers.find(([known]) => known.toLowerCase() === name.toLowerCase());
    return found && decodeLossy(found[1]);
  }

  text() {
    return decodeLossy(this.body);
  }

  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new Failed(`the server's answer is not JSON: ${error.message}`);
    }
  }
}

/**
 * `wasi:http` has no place for the host's codes, so a refusal's code travels in the text of `internal-error`, as
 * `E_CODE: reason`.
 */
function failure(method, authority, code) {
  const tag = code?.tag;
  if (tag === undefined) return code;
  switch (tag) {
    case "HTTP-request-denied":
      return new Denied("E_POLICY_DENY", `the request to \`${authority}\` was refused`);
    case "destination-IP-prohibited":
      return new Denied("E_NET_ADDR", `\`${authority}\` has an address that may not be reached`);
    case "internal-error": {
      const refused = /^(E_[A-Z_]+): (.*)$/s.exec(code.val ?? "");
      if (refused) return new Denied(refused[1], refused[2]);
      return new Failed(`the request to \`${authority}\` failed: ${code.val}`);
    }
    case "HTTP-request-URI-invalid":
    case "HTTP-request-method-invalid":
    case "HTTP-request-URI-too-long":
      return new InvalidArguments(`the request to \`${authority}\` is malformed: ${tag}`);
    case "connection-limit-reached":
      return new Limit(`the request to \`${authority}\` reached a limit: ${tag}`);
  }
  if (/^HTTP-(request|response)-.*size$/.test(tag)) {
    return new Limit(`the request to \`${authority}\` reached a limit: ${tag}`);
  }
  const lost = ["connection-terminated", "connection-read-timeout", "HTTP-protocol-error"];
  if (!SAFE.includes(method) && (lost.includes(tag) || tag.startsWith("HTTP-response"))) {
    return new Failed(`\`${authority}\` may have got the request, but: ${tag}`, { sent: true });
  }
  return new Unavailable(`\`${authority}\` cannot be reached: ${tag}`);
}
