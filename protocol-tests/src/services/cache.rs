//! Jars from Maven, fetched once per machine.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Version;

/// The folder with all jars of one Kafka release, its command-line tools included.
///
/// Safe for concurrent test binaries: a file lock lets one of them fetch, and the folder appears
/// under its final name only when complete.
///
/// # Errors
/// Maven is missing or could not resolve the release.
pub fn kafka_jars(version: Version) -> io::Result<PathBuf> {
    let release = version.release();
    let root = root()?;
    let jars = root.join(format!("kafka-{release}"));
    if jars.is_dir() {
        return Ok(jars);
    }
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join(format!("kafka-{release}.lock")))?;
    lock.lock()?;
    if !jars.is_dir() {
        fetch(version, &root, &jars)?;
    }
    Ok(jars)
}

/// The folder for what is fetched or built once per machine.
pub(super) fn root() -> io::Result<PathBuf> {
    if let Some(path) = env::var_os("BROOKLET_CACHE") {
        return Ok(PathBuf::from(path));
    }
    // TARGET[/TRIPLE]/PROFILE/deps/TEST: cargo keeps what it knows about rustc at the top.
    let exe = env::current_exe()?;
    exe.ancestors()
        .find(|folder| folder.join(".rustc_info.json").is_file())
        .map(|target| target.join("services"))
        .ok_or_else(|| {
            io::Error::other("set BROOKLET_CACHE: the test binary is not in a cargo target folder")
        })
}

fn fetch(version: Version, root: &Path, jars: &Path) -> io::Result<()> {
    let release = version.release();
    let work = root.join(format!("kafka-{release}.partial"));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    fs::write(work.join("pom.xml"), pom(version))?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg("-DoutputDirectory=jars")
        .current_dir(&work)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("could not run mvn: {e}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        let reason = text.lines().find(|l| l.contains("ERROR")).unwrap_or("mvn failed").to_owned();
        return Err(io::Error::other(reason));
    }
    fs::rename(work.join("jars"), jars)?;
    fs::remove_dir_all(&work)
}

fn pom(version: Version) -> String {
    let release = version.release();
    let dependencies = match version {
        Version::Newest | Version::V3_9 => {
            vec![
                ("org.apache.kafka", "kafka_2.13", release),
                ("org.apache.kafka", "kafka-tools", release),
            ]
        }
        Version::V2_8 => vec![("org.apache.kafka", "kafka_2.13", release)],
        // Java 9 and later lack what these take from the JDK.
        Version::V0_11 | Version::V0_10 => {
            vec![
                ("org.apache.kafka", "kafka_2.11", release),
                ("javax.xml.bind", "jaxb-api", "2.3.1"),
            ]
        }
    };
    let dependencies: String = dependencies
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>"
            )
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version>\
         <dependencies>{dependencies}</dependencies></project>"
    )
}
