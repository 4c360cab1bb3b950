//! [`CGroup`]: the memory limit of the control group that the process runs in, on Linux, version 2
//! and version 1. Elsewhere there is none.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The control groups around this process: its own and those above it, any of which may limit it.
#[derive(Debug, Default)]
pub(crate) struct CGroup {
    groups: Vec<Group>,
}

/// The memory of a group that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// So many bytes at most.
    pub(crate) limit: u64,
    /// So many of them are in use, without files that can be given up at once.
    pub(crate) used: u64,
}

#[derive(Debug)]
struct Group {
    directory: PathBuf,
    names: &'static Names,
}

/// What the files are called.
#[derive(Debug)]
struct Names {
    limit: &'static str,
    usage: &'static str,
    /// Key of the files that can be given up, in `memory.stat`.
    inactive: &'static str,
}

const V2: Names = Names {
    limit: "memory.max",
    usage: "memory.current",
    inactive: "inactive_file ",
};
const V1: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    inactive: "total_inactive_file ",
};

impl CGroup {
    /// The groups around this process.
    pub(crate) fn of_this_process() -> Self {
        let list = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::from_list(&list, Path::new(ROOT))
    }

    /// From the lines `number:controllers:path`; version 2 has one, without controllers.
    fn from_list(list: &str, root: &Path) -> Self {
        let mut groups = Vec::new();
        for line in list.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            let (root, names) = if controllers.is_empty() {
                (root.to_owned(), &V2)
            } else if controllers.split(',').any(|name| name == "memory") {
                (root.join("memory"), &V1)
            } else {
                continue;
            };
            // Inside a container the path may be that of the host: then only its end, the root of
            // what is mounted here, is there.
            let own = root.join(path.trim_start_matches('/'));
            for directory in own.ancestors() {
                if !directory.starts_with(&root) {
                    break;
                }
                if directory.join(names.limit).exists() {
                    let directory = directory.to_owned();
                    groups.push(Group { directory, names });
                }
            }
        }
        Self { groups }
    }

    /// The memory of the group with the lowest limit, if that is below `total`.
    pub(crate) fn memory_below(&self, total: u64) -> Option<Memory> {
        let limited = self
            .groups
            .iter()
            .filter_map(|group| Some((group.limit()?, group)));
        let (limit, group) = limited.min_by_key(|(limit, _)| *limit)?;
        if limit >= total {
            return None;
        }
        let used = group.used()?;
        Some(Memory { limit, used })
    }
}

impl Group {
    /// `max`, which is no number, means no limit.
    fn limit(&self) -> Option<u64> {
        self.number(self.names.limit)
    }

    fn used(&self) -> Option<u64> {
        let usage = self.number(self.names.usage)?;
        let stat = fs::read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let inactive = |line: &str| line.strip_prefix(self.names.inactive)?.trim().parse().ok();
        let inactive: u64 = stat.lines().find_map(inactive).unwrap_or(0);
        Some(usage.saturating_sub(inactive))
    }

    fn number(&self, name: &str) -> Option<u64> {
        fs::read_to_string(self.directory.join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    #[test]
    fn version_2_counts_without_inactive_files() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("a.slice/b.service");
        write(
            &own,
            &[
                ("memory.max", "1000\n"),
                ("memory.current", "700\n"),
                (
                    "memory.stat",
                    "anon 5\nfile 9\ninactive_file 200\nactive_file 3\n",
                ),
            ],
        );
        let cgroup = CGroup::from_list("0::/a.slice/b.service\n", root.path());
        let memory = Memory {
            limit: 1_000,
            used: 500,
        };
        assert_eq!(cgroup.memory_below(2_000), Some(memory));
        assert_eq!(cgroup.memory_below(1_000), None);
    }

    #[test]
    fn the_lowest_limit_of_all_groups_around_counts() {
        let root = tempfile::tempdir().unwrap();
        write(
            &root.path().join("a"),
            &[("memory.max", "800"), ("memory.current", "300")],
        );
        write(
            &root.path().join("a/b"),
            &[("memory.max", "max"), ("memory.current", "100")],
        );
        let cgroup = CGroup::from_list("0::/a/b\n", root.path());
        let memory = Memory {
            limit: 800,
            used: 300,
        };
        assert_eq!(cgroup.memory_below(2_000), Some(memory));
    }

    #[test]
    fn version_1_is_found_also_under_the_path_of_the_host() {
        let root = tempfile::tempdir().unwrap();
        write(
            &root.path().join("memory"),
            &[
                ("memory.limit_in_bytes", "900"),
                ("memory.usage_in_bytes", "400"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 100\n"),
            ],
        );
        let list = "9:name=systemd:/x\n4:cpu,memory:/docker/0123\n0::/docker/0123\n";
        let cgroup = CGroup::from_list(list, root.path());
        let memory = Memory {
            limit: 900,
            used: 300,
        };
        assert_eq!(cgroup.memory_below(2_000), Some(memory));
    }

    #[test]
    fn no_group_is_no_limit() {
        let root = tempfile::tempdir().unwrap();
        for list in ["", "nonsense", "0::/gone\n"] {
            assert_eq!(
                CGroup::from_list(list, root.path()).memory_below(u64::MAX),
                None
            );
        }
    }
}
