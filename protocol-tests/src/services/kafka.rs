//! One broker on loopback ports: in KRaft mode, or with a ZooKeeper of its own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ports::free_ports;
use super::{Bridge, Exit, Jvm, Version, broker_count, cache, zookeeper};

/// A loaded machine with two cores takes up to 20 s; the rest is for slow disks.
const START_WAIT_MAX: Duration = Duration::from_secs(120);
/// Between two looks at a broker that is starting.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// The least that a broker gives its session with ZooKeeper.
const ZOOKEEPER_SESSION: Duration = Duration::from_secs(2);
/// A start can fail for reasons that pass: a port taken by somebody else, a machine without memory
/// for the moment. Each attempt has a folder and ports of its own.
const START_ATTEMPTS_MAX: u32 = 3;
/// Any 16 bytes in base64 will do; the same one lets a restarted broker find its data.
const CLUSTER_ID: &str = "YnJvb2tsZXQtdGVzdHMtMQ";

/// What to start with [`Kafka::start`].
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    version: Version,
    advertised: Option<SocketAddr>,
    port: Option<u16>,
    listeners: Vec<(String, String)>,
    properties: Vec<(String, String)>,
    storage_args: Vec<String>,
}

impl KafkaConfig {
    /// One plain listener on a free loopback port.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            advertised: None,
            port: None,
            listeners: Vec::new(),
            properties: Vec::new(),
            storage_args: Vec::new(),
        }
    }

    /// Makes clients come to this address: that of a [`crate::proxy::Proxy`] in front of the broker.
    #[must_use]
    pub fn advertised(mut self, address: SocketAddr) -> Self {
        self.advertised = Some(address);
        self
    }

    /// Listens on this port of 127.0.0.1 instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds a listener of this name and security protocol on a free port; its settings are
    /// properties that begin with `listener.name.`.
    #[must_use]
    pub fn listener(mut self, name: &str, protocol: &str) -> Self {
        self.listeners.push((name.to_owned(), protocol.to_owned()));
        self
    }

    /// Adds a line to `server.properties`; the last one with the same key wins. `${folder}` stands
    /// for the folder of the broker.
    #[must_use]
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument to `StorageTool format`, e.g. `--add-scram`.
    #[must_use]
    pub fn storage_arg(mut self, arg: &str) -> Self {
        self.storage_args.push(arg.to_owned());
        self
    }
}

/// A broker that a test started, or a cluster that `BROOKLET_TEST_BOOTSTRAP` names.
#[derive(Debug)]
pub struct Kafka {
    version: Version,
    bootstrap: String,
    bridge: OnceLock<Mutex<Bridge>>,
    own: Option<Own>,
}

/// What there is to manage when the broker is ours.
#[derive(Debug)]
struct Own {
    folder: PathBuf,
    jars: PathBuf,
    /// Where the broker itself listens, behind any proxy.
    listener: String,
    /// Address and name of every further listener.
    others: Vec<(String, String)>,
    jvm: Mutex<Option<Jvm>>,
    /// Keeps running while the broker is down.
    _zookeeper: Option<Jvm>,
}

impl Kafka {
    /// Starts a broker of its own and waits until it takes requests. It ends with the value.
    /// Most tests want the shared one: [`super::kafka`].
    ///
    /// # Errors
    /// No Java, no Maven, no jars, or the broker ended or was not ready in time; the error carries
    /// the end of its log.
    pub fn start(config: &KafkaConfig) -> io::Result<Self> {
        let jars = cache::kafka_jars(config.version)?;
        let mut attempt = 1;
        loop {
            match Self::launch(config, &jars) {
                Err(error) if attempt < START_ATTEMPTS_MAX => {
                    drop(writeln!(io::stderr(), "{}, again: {error}", config.version));
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    pub(super) fn external(bootstrap: String) -> Self {
        Self { version: Version::Newest, bootstrap, bridge: OnceLock::new(), own: None }
    }

    fn launch(config: &KafkaConfig, jars: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("brooklet-kafka-").tempdir()?.keep();
        let ports = free_ports(2 + config.listeners.len())?;
        let (client, controller) = (config.port.unwrap_or(ports[0]), ports[1]);
        let others: Vec<(String, String)> = config
            .listeners
            .iter()
            .zip(&ports[2..])
            .map(|((name, _), port)| (name.clone(), format!("127.0.0.1:{port}")))
            .collect();
        let listener = format!("127.0.0.1:{client}");
        let bootstrap = config.advertised.map_or_else(|| listener.clone(), |a| a.to_string());
        let addresses = Addresses { listener: &listener, advertised: &bootstrap, controller };
        let properties = server_properties(config, &folder, &addresses, &others);
        fs::write(folder.join("server.properties"), properties)?;
        let zookeeper = match config.version.needs_zookeeper() {
            true => Some(zookeeper::start(jars, controller)?),
            false => None,
        };
        let own = Own {
            folder,
            jars: jars.to_owned(),
            listener,
            others,
            jvm: Mutex::new(None),
            _zookeeper: zookeeper,
        };
        if !config.version.needs_zookeeper() {
            own.format(&config.storage_args)?;
        }
        own.boot()?;
        Ok(Self { version: config.version, bootstrap, bridge: OnceLock::new(), own: Some(own) })
    }

    /// `host:port` for clients; a comma list when the cluster is an external one.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where the broker itself listens, behind any proxy; `None` for an external cluster.
    #[must_use]
    pub fn listener(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.listener.as_str())
    }

    /// Address of the listener that [`KafkaConfig::listener`] added under this name.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn listener_named(&self, name: &str) -> &str {
        let others = self.own.iter().flat_map(|own| &own.others);
        let mut found = others.filter(|(known, _)| known == name).map(|(_, address)| address);
        found.next().expect("a listener of this name")
    }

    /// The release that runs; [`Version::Newest`] for an external cluster.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the cluster was not started here, so that [`Self::kill`] and [`Self::restart`] are
    /// refused.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.own.is_none()
    }

    /// A topic name that no other test and no earlier run uses.
    #[must_use]
    pub fn unique(&self, stem: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{stem}-{}-{n}", std::process::id())
    }

    /// Process id of the broker, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.own.as_ref().and_then(|own| own.jvm().as_ref().map(Jvm::pid))
    }

    /// The folder with `server.properties`, `service.log` and the data.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.folder.as_path())
    }

    /// Kills the broker as a power cut would. The data stays.
    ///
    /// # Errors
    /// The cluster is an external one.
    pub fn kill(&self) -> io::Result<()> {
        self.own()?.end(Exit::Abrupt)
    }

    /// Stops the broker as an operator would. The data stays.
    ///
    /// # Errors
    /// The cluster is an external one.
    pub fn stop(&self) -> io::Result<()> {
        self.own()?.end(Exit::Clean)
    }

    /// Stops the broker if it runs, and starts it on the same port with the same data.
    ///
    /// # Errors
    /// The cluster is an external one, or the broker does not come back.
    pub fn restart(&self) -> io::Result<()> {
        let own = self.own()?;
        own.end(Exit::Clean)?;
        // A broker that was killed is refused until ZooKeeper has ended its session.
        let deadline = Instant::now() + 5 * ZOOKEEPER_SESSION;
        loop {
            match own.boot() {
                Err(_) if self.version.needs_zookeeper() && Instant::now() < deadline => {
                    thread::sleep(POLL_EVERY);
                }
                booted => return booted,
            }
        }
    }

    /// Runs one of Kafka's own tools, e.g. `org.apache.kafka.tools.TopicCommand`, to its end.
    ///
    /// # Errors
    /// Java or the jars are missing. A tool that fails is no error: look at the status.
    pub fn java_tool(&self, class: &str, args: &[&str]) -> io::Result<Output> {
        self.java_tool_with_input(class, args, b"")
    }

    /// The same with something on stdin, for the console producer.
    ///
    /// # Errors
    /// As of [`Self::java_tool`].
    pub fn java_tool_with_input(
        &self,
        class: &str,
        args: &[&str],
        input: &[u8],
    ) -> io::Result<Output> {
        let class_path = self.class_path()?;
        let mut child = Command::new("java")
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(class_path)
            .arg(class)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        // Fed from a thread of its own: a tool that prints before it has read all would block both.
        thread::scope(|scope| {
            scope.spawn(move || stdin.map(|mut pipe| pipe.write_all(input)));
            child.wait_with_output()
        })
    }

    /// Kafka's own Java client, started at first use and shared by the tests of the binary.
    ///
    /// # Panics
    /// It does not start.
    pub fn bridge(&self) -> MutexGuard<'_, Bridge> {
        // Before 0.11 there is no idempotence, and the client does not find out by itself.
        let properties: &[(&str, &str)] =
            if self.version == Version::V0_10 { &[("enable.idempotence", "false")] } else { &[] };
        let bridge = self.bridge.get_or_init(|| {
            Mutex::new(Bridge::start(self, properties).expect("the Java client starts"))
        });
        bridge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a topic with replication factor 1 that keeps records of any age.
    ///
    /// # Panics
    /// The cluster refuses.
    pub fn create_topic(&self, topic: &str, partitions: u32) {
        let kept = [("retention.ms", "-1")];
        self.bridge().create_topic(topic, partitions, &kept).expect("the topic is created");
    }

    /// Standard output of a tool that must succeed.
    ///
    /// # Panics
    /// The tool fails.
    #[must_use]
    pub fn tool_text(&self, class: &str, args: &[&str]) -> String {
        let output = self.java_tool(class, args).expect("java runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{class} {args:?}: {}\n{text}\n{errors}", output.status);
        text
    }

    /// `-cp` argument with every jar of [`Version::client`], for Java programs of a test.
    ///
    /// # Errors
    /// The jars cannot be fetched.
    pub fn class_path(&self) -> io::Result<OsString> {
        Ok(all_jars(&cache::kafka_jars(self.version.client())?))
    }

    fn own(&self) -> io::Result<&Own> {
        self.own.as_ref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "BROOKLET_TEST_BOOTSTRAP is not ours to stop",
            )
        })
    }
}

impl Own {
    fn jvm(&self) -> MutexGuard<'_, Option<Jvm>> {
        self.jvm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn format(&self, storage_args: &[String]) -> io::Result<()> {
        let output = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(all_jars(&self.jars))
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(self.folder.join("server.properties"))
            .args(storage_args)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| io::Error::new(e.kind(), format!("could not run java: {e}")))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(io::Error::other(format!("StorageTool: {}", String::from_utf8_lossy(&text))))
    }

    fn boot(&self) -> io::Result<()> {
        let options = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"];
        let mut args: Vec<OsString> = options.map(OsString::from).to_vec();
        args.push(all_jars(&self.jars));
        args.push("kafka.Kafka".into());
        args.push(self.folder.join("server.properties").into());
        let mut jvm = Jvm::start(&self.folder, args)?;
        let deadline = Instant::now() + START_WAIT_MAX;
        loop {
            // The port may answer although it is not our broker's: look at the process first.
            if let Some(status) = jvm.ended()? {
                return Err(self.failed(&format!("ended with {status}")));
            }
            if broker_count(&self.listener).is_ok_and(|n| n > 0) {
                break;
            }
            if Instant::now() > deadline {
                return Err(self.failed("was not ready in time"));
            }
            thread::sleep(POLL_EVERY);
        }
        *self.jvm() = Some(jvm);
        Ok(())
    }

    fn failed(&self, what: &str) -> io::Error {
        let log = fs::read(self.folder.join("service.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(20)..].join("\n");
        io::Error::other(format!("the broker {what}\n{end}"))
    }

    fn end(&self, how: Exit) -> io::Result<()> {
        let jvm = self.jvm().take();
        jvm.map_or(Ok(()), |jvm| jvm.end(how))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.jvm().take());
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn all_jars(jars: &Path) -> OsString {
    jars.join("*").as_os_str().to_owned()
}

/// Where the broker listens.
struct Addresses<'a> {
    listener: &'a str,
    advertised: &'a str,
    controller: u16,
}

fn server_properties(
    config: &KafkaConfig,
    folder: &Path,
    addresses: &Addresses<'_>,
    others: &[(String, String)],
) -> String {
    let Addresses { listener, advertised, controller } = addresses;
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let value = value.replace("${folder}", &folder.to_string_lossy());
        writeln!(text, "{key}={value}").expect("a String takes everything");
    };
    let more: String = others.iter().map(|(name, at)| format!(",{name}://{at}")).collect();
    if config.version.needs_zookeeper() {
        line("broker.id", "1");
        line("listeners", &format!("PLAINTEXT://{listener}"));
        line("zookeeper.connect", &format!("127.0.0.1:{controller}"));
        line("zookeeper.session.timeout.ms", &ZOOKEEPER_SESSION.as_millis().to_string());
        line("delete.topic.enable", "true");
    } else {
        line("process.roles", "broker,controller");
        line("node.id", "1");
        line("controller.quorum.voters", &format!("1@127.0.0.1:{controller}"));
        let listeners = format!("PLAINTEXT://{listener},CONTROLLER://127.0.0.1:{controller}{more}");
        line("listeners", &listeners);
        line("controller.listener.names", "CONTROLLER");
        let named = config.listeners.iter().map(|(name, protocol)| format!(",{name}:{protocol}"));
        let map = named.fold("CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned(), |a, b| a + &b);
        line("listener.security.protocol.map", &map);
    }
    line("advertised.listeners", &format!("PLAINTEXT://{advertised}{more}"));
    line("log.dirs", "${folder}/data");
    for key in [
        "offsets.topic.num.partitions",
        "offsets.topic.replication.factor",
        "transaction.state.log.num.partitions",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "share.coordinator.state.topic.replication.factor",
        "share.coordinator.state.topic.min.isr",
    ] {
        line(key, "1");
    }
    // Group tests would otherwise wait three seconds for members that never come.
    line("group.initial.rebalance.delay.ms", "0");
    // Members of the consumer protocol are noticed as soon as those of the classic one can be.
    for (key, value) in [
        ("group.consumer.min.session.timeout.ms", "6000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        ("group.consumer.heartbeat.interval.ms", "100"),
    ] {
        line(key, value);
    }
    // Tests write records of 1970, which the cleaner would delete under them.
    line("log.retention.ms", "-1");
    line("num.network.threads", "2");
    line("num.io.threads", "2");
    line("log.cleaner.dedupe.buffer.size", "4194304");
    for (key, value) in &config.properties {
        line(key, value);
    }
    text
}
