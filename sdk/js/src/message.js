// Messages to people.

import { send as sent } from "openclaw:message/message@0.1.0";

import { asTool } from "./host.js";

export const send = (text) => asTool(() => sent("session", text));
