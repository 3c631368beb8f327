//! Effects on the world, each with its permit: programs and HTTP.
