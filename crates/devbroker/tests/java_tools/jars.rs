//! Kafka's jars from Maven, fetched once into the cargo target folder. The place and the names are
//! those of `protocol-tests`, so that one download serves both.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The newest release with all of its jars published.
const RELEASE: &str = "4.3.1";

/// The folder with the jars, or why there is none.
pub(crate) fn jars() -> Result<&'static Path, &'static str> {
    static JARS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let jars = JARS.get_or_init(|| find().map_err(|error| format!("no Kafka jars: {error}")));
    jars.as_deref().map_err(String::as_str)
}

fn find() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let root = match std::env::var_os("BROOKLET_CACHE") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = std::env::current_exe()?;
            let target = test.ancestors().find(|folder| folder.join(".rustc_info.json").is_file());
            target.ok_or("set BROOKLET_CACHE")?.join("services")
        }
    };
    let jars = root.join(format!("kafka-{RELEASE}"));
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join(format!("kafka-{RELEASE}.lock")))?;
    lock.lock()?;
    if !jars.is_dir() {
        fetch(&root, &jars)?;
    }
    Ok(jars)
}

fn fetch(root: &Path, jars: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let work = root.join(format!("kafka-{RELEASE}.partial"));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let dependencies: String = ["kafka_2.13", "kafka-tools"]
        .map(|artifact| {
            format!(
                "<dependency><groupId>org.apache.kafka</groupId>\
                 <artifactId>{artifact}</artifactId><version>{RELEASE}</version></dependency>"
            )
        })
        .concat();
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version>\
         <dependencies>{dependencies}</dependencies></project>"
    );
    fs::write(work.join("pom.xml"), pom)?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg("-DoutputDirectory=jars")
        .current_dir(&work)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stdout).into_owned().into());
    }
    // The final name appears only when the folder is complete.
    fs::rename(work.join("jars"), jars)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}
