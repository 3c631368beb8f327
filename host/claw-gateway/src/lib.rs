//! The OpenClaw gateway protocol and the HTTP API.
