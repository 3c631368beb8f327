//! `openclaw:exec`: programs, and those that outlive their call.

use claw_core::effect::{
    Background, EffectReply, EffectRequest, ExecEnd, ExecRequest, ProcessReply, ProcessRequest, Terminal,
};
use wasmtime::component::Resource;

use super::{other_family, table_full};
use crate::worker::bindings::openclaw::exec::exec;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

/// A background process, by the host's name for it.
pub struct Process {
    id: String,
}

impl exec::Host for Guest {
    fn run(&mut self, command: exec::Command) -> Result<exec::Exit, Error> {
        match self.ask(EffectRequest::Exec(command.into()))? {
            EffectReply::Exec(exit) => Ok(exec::Exit {
                end: end(exit.ended).ok_or(Error::Cancelled)?,
                stdout: exit.stdout,
                stderr: exit.stderr,
                stdout_dropped: exit.stdout_dropped,
                stderr_dropped: exit.stderr_dropped,
                duration_ms: exit.duration_ms,
            }),
            _ => Err(other_family()),
        }
    }
}

impl Guest {
    fn process(&mut self, request: ProcessRequest) -> Result<ProcessReply, Error> {
        match self.ask(EffectRequest::Process(request))? {
            EffectReply::Process(reply) => Ok(reply),
            _ => Err(other_family()),
        }
    }

    fn process_id(&self, process: &Resource<Process>) -> String {
        self.table.get(process).expect("exec: the engine checks handles").id.clone()
    }

    fn hold_process(&mut self, reply: ProcessReply) -> Result<Resource<Process>, Error> {
        let ProcessReply::Process(id) = reply else { return Err(other_family()) };
        self.table.push(Process { id }).map_err(table_full)
    }
}

impl exec::HostProcess for Guest {
    fn spawn(&mut self, command: exec::Command, background: exec::Background) -> Result<Resource<Process>, Error> {
        let terminal = background.terminal.map(|exec::Terminal { columns, rows }| Terminal { columns, rows });
        let background = Background { ttl_ms: background.ttl_ms, terminal };
        let reply = self.process(ProcessRequest::Spawn(command.into(), background))?;
        self.hold_process(reply)
    }

    fn attach(&mut self, id: String) -> Result<Resource<Process>, Error> {
        let reply = self.process(ProcessRequest::Attach { id })?;
        self.hold_process(reply)
    }

    fn all(&mut self) -> Result<Vec<exec::Summary>, Error> {
        let ProcessReply::All(all) = self.process(ProcessRequest::All)? else { return Err(other_family()) };
        let summary = |summary: claw_core::effect::ProcessSummary| exec::Summary {
            id: summary.id,
            argv: summary.argv,
            age_ms: summary.age_ms,
            end: summary.ended.and_then(end),
        };
        Ok(all.into_iter().map(summary).collect())
    }

    fn id(&mut self, process: Resource<Process>) -> String {
        self.process_id(&process)
    }

    fn poll(&mut self, process: Resource<Process>, wait_ms: u64) -> Result<exec::Progress, Error> {
        let id = self.process_id(&process);
        match self.process(ProcessRequest::Poll { id, wait_ms })? {
            ProcessReply::Progress(progress) => Ok(exec::Progress {
                stdout: progress.stdout,
                stderr: progress.stderr,
                dropped: progress.dropped,
                end: progress.ended.and_then(end),
            }),
            _ => Err(other_family()),
        }
    }

    fn write(&mut self, process: Resource<Process>, bytes: Vec<u8>, end: bool) -> Result<(), Error> {
        let id = self.process_id(&process);
        self.process(ProcessRequest::Write { id, bytes, end }).map(drop)
    }

    fn kill(&mut self, process: Resource<Process>) -> Result<(), Error> {
        let id = self.process_id(&process);
        self.process(ProcessRequest::Kill { id }).map(drop)
    }

    fn drop(&mut self, process: Resource<Process>) -> wasmtime::Result<()> {
        // The process goes on: it belongs to the conversation.
        self.table.delete(process)?;
        Ok(())
    }
}

impl From<exec::Command> for ExecRequest {
    fn from(command: exec::Command) -> Self {
        ExecRequest {
            argv: command.argv,
            cwd: command.cwd.unwrap_or_default(),
            env: command.env,
            stdin: command.stdin.unwrap_or_default(),
            timeout_ms: command.timeout_ms,
            max_output_bytes: command.max_output_bytes,
        }
    }
}

/// `None` for an end that the guest cannot see: its own.
fn end(ended: ExecEnd) -> Option<exec::End> {
    match ended {
        ExecEnd::Code(code) => Some(exec::End::Code(code)),
        ExecEnd::Signal(signal) => Some(exec::End::Signal(signal)),
        ExecEnd::TimedOut => Some(exec::End::TimedOut),
        ExecEnd::MemoryLimit => Some(exec::End::MemoryLimit),
        ExecEnd::Cancelled => None,
    }
}
