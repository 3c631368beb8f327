//! Durable sessions, runs, journal and approvals on redb.
