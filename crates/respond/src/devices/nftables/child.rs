//! Runs nft: found once, started without a shell, bounded in time, its complaints turned into one sentence.

use std::{io, path::PathBuf, process::Stdio, sync::OnceLock, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{DeviceError, limits::CHILD_SECONDS_MAX};

/// Where Debian and its kin keep it; the agent's PATH under systemd may lack sbin.
const PLACES: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"];
/// Longest complaint passed on, characters.
const COMPLAINT_CHARS_MAX: usize = 300;

fn program() -> Result<&'static PathBuf, DeviceError> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = FOUND.get() {
        return Ok(path);
    }
    let path = PLACES.iter().map(PathBuf::from).find(|p| p.is_file()).ok_or(DeviceError::NoNft)?;
    Ok(FOUND.get_or_init(|| path))
}

/// Runs nft with `args`, `script` on its standard input; gives its standard output.
pub(super) async fn run(args: &[&str], script: &str) -> Result<String, DeviceError> {
    let work = async {
        let mut child = Command::new(program()?)
            .args(args)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(started)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that stops reading says why on its standard error.
            let _ = stdin.write_all(script.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(started)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(complaint(&String::from_utf8_lossy(&output.stderr)))
    };
    match tokio::time::timeout(Duration::from_secs(CHILD_SECONDS_MAX), work).await {
        Ok(answer) => answer,
        Err(_) => Err(DeviceError::Slow(CHILD_SECONDS_MAX)),
    }
}

fn started(e: io::Error) -> DeviceError {
    match e.kind() {
        io::ErrorKind::NotFound => DeviceError::NoNft,
        io::ErrorKind::PermissionDenied => DeviceError::NotPermitted,
        _ => DeviceError::Failed(format!("cannot run it: {e}")),
    }
}

fn complaint(stderr: &str) -> DeviceError {
    if stderr.contains("Operation not permitted") {
        return DeviceError::NotPermitted;
    }
    let line =
        stderr.lines().find(|l| l.contains("rror")).or_else(|| stderr.lines().next()).unwrap_or("no reason given");
    DeviceError::Failed(line.trim().chars().take(COMPLAINT_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_told_from_a_failure() {
        assert_eq!(
            complaint("Operation not permitted (you must be root)\nnetlink: Error: x"),
            DeviceError::NotPermitted
        );
        assert_eq!(
            complaint("/dev/stdin:1:1-3: Error: syntax error\nfoo\n^^^"),
            DeviceError::Failed("/dev/stdin:1:1-3: Error: syntax error".into())
        );
    }
}
