//! The worker processes in which components run.
