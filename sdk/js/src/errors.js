// Why a call gives no result. Types and docs are in index.d.ts.

export class ToolError extends Error {
  get name() {
    return this.constructor.name;
  }
}

export class InvalidArguments extends ToolError {}
export class NotFound extends ToolError {}
export class Limit extends ToolError {}
export class Unavailable extends ToolError {}

export class Denied extends ToolError {
  constructor(code, reason) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

export class Cancelled extends ToolError {
  constructor() {
    super("the call was stopped");
  }
}

export class Failed extends ToolError {
  constructor(message, { sent = false } = {}) {
    super(message);
    this.sent = sent;
  }
}
