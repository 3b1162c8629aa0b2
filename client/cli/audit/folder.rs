//! The folder that a report is written to. Its files get their names when all of them are on the disk; what others
//! put there is never overwritten, and what is replaced is told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tacit_detection::report::page::{Beside, MARK, page};
use tacit_detection::report::{Report, voters_csv};
use tacit_files as files;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::printable_line;

const PAGE: &str = "report.html";
const REPORT: &str = "report.json";
const VOTERS: &str = "voters.csv";
/// The page first: by it a folder is known.
const FILES: [&str; 3] = [PAGE, REPORT, VOTERS];
/// Bytes of a page in which its mark stands.
const HEAD: u64 = 4096;

/// A folder that a report may be written to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Does an earlier report stand there?
    earlier: bool,
}

impl Folder {
    /// Looks at a folder before any work is done.
    ///
    /// # Errors
    /// If it is a file, can't be read, or holds anything but an earlier report and the person didn't say
    /// yes to that.
    pub fn of(path: &Path, cx: &Context) -> Result<Self, Failure> {
        let folder = |earlier| Self {
            path: path.to_owned(),
            earlier,
        };
        if fs::symlink_metadata(path).is_ok() && !path.is_dir() {
            let problem = format!("{} is a file, not a folder", path.display());
            return Err(Failure::usage("file", problem, "Give another folder."));
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                can_be_written(path)?;
                return Ok(folder(false));
            }
            Err(e) => return Err(Failure::file("read", path, &e)),
        };
        can_be_written(path)?;
        let page = path.join(PAGE);
        let ours = is_ours(&page);
        // What a run left that was killed before any file had its name. An empty page is nobody's.
        let beside = files::beside(&page);
        let left = ours || is_ours(&beside) || fs::metadata(&beside).is_ok_and(|m| m.len() == 0);
        let new = FILES.map(|file| files::beside(Path::new(file)));
        let mut other = None;
        for entry in entries {
            let name = entry
                .map_err(|e| Failure::file("read", path, &e))?
                .file_name();
            let known = ours && FILES.iter().any(|file| *file == name);
            let left_over = left && new.iter().any(|file| file.as_os_str() == name);
            if !known && !left_over {
                other = other.or(Some(name));
            }
        }
        if let Some(name) = other {
            let question = format!(
                "{} holds other files, such as {}. Write {PAGE}, {REPORT} and {VOTERS} there, over files of these names?",
                path.display(),
                printable_line(&name.to_string_lossy())
            );
            cx.confirm(&question, "an empty folder, or --yes")?;
        }
        Ok(folder(ours))
    }

    /// Writes a report.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn write(
        &self,
        report: &Report,
        json: &impl Serialize,
        beside: Beside<'_>,
    ) -> Result<(), Failure> {
        files::create_folder(&self.path).map_err(|e| Failure::folder(&self.path, &e))?;
        let unwritten =
            |name: &str, e: io::Error| Failure::file("write", &self.path.join(name), &e);
        let json = serde_json::to_vec_pretty(json).map_err(|e| unwritten(REPORT, e.into()))?;
        let csv = voters_csv(report).map_err(|e| unwritten(VOTERS, e.into()))?;
        let page = page(report, &beside).into_bytes();
        let bytes = [(PAGE, page), (REPORT, json), (VOTERS, csv)];
        let all = bytes.map(|(name, bytes)| (self.path.join(name), bytes));
        files::replace_all(&all).map_err(|(path, e)| Failure::file("write", &path, &e))
    }

    /// Says where it is.
    pub fn tell(&self, cx: &Context) {
        let replaced = if self.earlier {
            ", in place of an earlier report"
        } else {
            ""
        };
        cx.out.note(format!(
            "Written to {}: {PAGE}, {REPORT} and {VOTERS}{replaced}.",
            self.path.display()
        ));
    }
}

/// Tries a folder before minutes of work are done for it: makes it, and a file in it. What wasn't there is
/// taken away again, so that a run that is stopped leaves nothing behind.
///
/// # Errors
/// If the folder can't be made or written.
pub(super) fn can_be_written(path: &Path) -> Result<(), Failure> {
    let missing: Vec<&Path> = (path.ancestors())
        .take_while(|above| !above.as_os_str().is_empty() && !above.exists())
        .collect();
    let tried = (|| {
        files::create_folder(path).map_err(|e| Failure::folder(path, &e))?;
        let probe = path.join(format!(".tacit-{}", std::process::id()));
        let made = OpenOptions::new().write(true).create_new(true).open(&probe);
        made.and_then(|_| fs::remove_file(&probe))
            .map_err(|e| Failure::file("write to", path, &e))
    })();
    for made in missing {
        // Another's file may be in it by now; then it stays.
        let _ = fs::remove_dir(made);
    }
    tried
}

/// Is this a page that tacit wrote?
fn is_ours(page: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(page).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(MARK)
}
