//! Files through WASI itself, past what std would check or rewrite.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::{Value, json};
use serde::Deserialize;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

use crate::outcome::{Failure, Outcome};

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// The names of all preopened directories.
    Preopens,
    /// Opens, reads up to 64 KiB if asked to read, and closes.
    Open(Open),
    Stat {
        path: String,
        #[serde(default)]
        links: Links,
    },
    Symlink {
        target: String,
        path: String,
    },
    ReadLink {
        path: String,
    },
    HardLink {
        from: String,
        to: String,
        #[serde(default)]
        links: Links,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    CreateDir {
        path: String,
    },
    RemoveDir {
        path: String,
    },
    /// Opens the directory `outer`, following links, and `inner` from there.
    OpenBelow {
        outer: String,
        inner: String,
        #[serde(default)]
        how: Vec<How>,
        #[serde(default)]
        access: Vec<Access>,
    },
    /// Sets the time of the last change, in seconds and nanoseconds.
    SetTimes {
        path: String,
        seconds: u64,
        nanoseconds: u32,
    },
}

#[derive(Deserialize, JsonSchema)]
pub struct Open {
    path: String,
    #[serde(default)]
    links: Links,
    /// Of `create`, `directory`, `exclusive`, `truncate`.
    #[serde(default)]
    how: Vec<How>,
    /// Of `read`, `write`, `mutate_directory`.
    #[serde(default)]
    access: Vec<Access>,
}

/// Whether a link at the end of the path is followed.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    #[default]
    Stay,
    Follow,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Create,
    Directory,
    Exclusive,
    Truncate,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Read,
    Write,
    MutateDirectory,
}

impl Op {
    pub fn run(self) -> Outcome {
        let directories = get_directories();
        if let Op::Preopens = self {
            return Ok(json!(directories.iter().map(|(_, name)| name).collect::<Vec<_>>()));
        }
        let Some((directory, _)) = directories.first() else {
            return Err(Failure::of_probe("no directory is preopened"));
        };
        self.run_in(directory)
    }

    fn run_in(self, directory: &Descriptor) -> Outcome {
        match self {
            Op::Preopens => Err(Failure::of_probe("needs no directory")),
            Op::Open(open) => open.run(directory),
            Op::Stat { path, links } => {
                let stat = directory.stat_at(links.flags(), &path)?;
                Ok(json!({ "kind": format!("{:?}", stat.type_), "size": stat.size, "links": stat.link_count }))
            }
            Op::Symlink { target, path } => Ok(json!(directory.symlink_at(&target, &path)?)),
            Op::ReadLink { path } => Ok(json!(directory.readlink_at(&path)?)),
            Op::HardLink { from, to, links } => Ok(json!(directory.link_at(links.flags(), &from, directory, &to)?)),
            Op::Rename { from, to } => Ok(json!(directory.rename_at(&from, directory, &to)?)),
            Op::Unlink { path } => Ok(json!(directory.unlink_file_at(&path)?)),
            Op::CreateDir { path } => Ok(json!(directory.create_directory_at(&path)?)),
            Op::RemoveDir { path } => Ok(json!(directory.remove_directory_at(&path)?)),
            Op::OpenBelow { outer, inner, how, access } => {
                let outer = directory.open_at(
                    PathFlags::SYMLINK_FOLLOW,
                    &outer,
                    OpenFlags::DIRECTORY,
                    DescriptorFlags::READ,
                )?;
                Open { path: inner, links: Links::Stay, how, access }.run(&outer)
            }
            Op::SetTimes { path, seconds, nanoseconds } => {
                let time = wasip2::clocks::wall_clock::Datetime { seconds, nanoseconds };
                let changed = NewTimestamp::Timestamp(time);
                Ok(json!(directory.set_times_at(PathFlags::empty(), &path, NewTimestamp::NoChange, changed)?))
            }
        }
    }
}

impl Open {
    fn run(self, directory: &Descriptor) -> Outcome {
        let how = self.how.iter().fold(OpenFlags::empty(), |flags, how| flags | how.flag());
        let access = self.access.iter().fold(DescriptorFlags::empty(), |flags, access| flags | access.flag());
        let opened = directory.open_at(self.links.flags(), &self.path, how, access)?;
        if !access.contains(DescriptorFlags::READ) || how.contains(OpenFlags::DIRECTORY) {
            return Ok(Value::Null);
        }
        let (bytes, _at_end) = opened.read(64 * 1024, 0)?;
        Ok(json!(String::from_utf8_lossy(&bytes)))
    }
}

impl Links {
    fn flags(self) -> PathFlags {
        match self {
            Links::Stay => PathFlags::empty(),
            Links::Follow => PathFlags::SYMLINK_FOLLOW,
        }
    }
}

impl How {
    fn flag(self) -> OpenFlags {
        match self {
            How::Create => OpenFlags::CREATE,
            How::Directory => OpenFlags::DIRECTORY,
            How::Exclusive => OpenFlags::EXCLUSIVE,
            How::Truncate => OpenFlags::TRUNCATE,
        }
    }
}

impl Access {
    fn flag(self) -> DescriptorFlags {
        match self {
            Access::Read => DescriptorFlags::READ,
            Access::Write => DescriptorFlags::WRITE,
            Access::MutateDirectory => DescriptorFlags::MUTATE_DIRECTORY,
        }
    }
}
