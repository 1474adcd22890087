//! What can be typed.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Flink SQL against Kafka in one static binary.
#[derive(Debug, Parser)]
#[command(
    name = "brooklet",
    version,
    about,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command the SQL shell starts, or reads statements from standard input where that is no \
                  terminal."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) shell: SqlArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a Flink SQL script
    Run(RunArguments),
    /// Start the SQL shell; the same as no command
    #[command(visible_alias = "shell")]
    Sql(SqlArguments),
    /// Parse and bind scripts without running them; shows every error
    Check(CheckArguments),
    /// Look at, create, delete, write and read topics
    Topic(TopicArguments),
    /// Run the embedded development broker until interrupted
    Broker(BrokerArguments),
    /// Look at transactions, and abort those whose program is gone
    Txn(TxnArguments),
    /// Look at the progress of jobs, and make them forget it
    Job(JobArguments),
    /// Print the completion script of a shell
    Completions(CompletionArguments),
}

#[derive(Args, Debug)]
pub(super) struct CompletionArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

/// What `-c` and the shell share.
#[derive(Args, Debug)]
pub(super) struct SqlArguments {
    /// Run these statements and exit
    // It may begin with a comment.
    #[arg(short = 'c', long = "command", value_name = "SQL", allow_hyphen_values = true)]
    pub(super) command: Option<String>,
    /// Run this script first
    #[arg(short = 'i', long = "init", value_name = "INIT.sql")]
    pub(super) init: Option<String>,
    /// Set a session option before the first statement
    #[arg(short = 'D', value_name = "key=value", value_parser = key_value)]
    pub(super) options: Vec<(String, String)>,
    /// What results look like
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "tableau")]
    pub(super) format: ResultFormat,
    /// Start an embedded broker and use it for every Kafka table
    #[arg(long)]
    pub(super) dev_broker: bool,
    /// Forget the progress of earlier runs
    #[arg(long)]
    pub(super) fresh: bool,
}

/// `--format` of query results.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ResultFormat {
    /// Tables as Flink's client prints them
    Tableau,
    /// One JSON object a row
    Json,
    /// Column names, then one line a row
    Csv,
}

#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// The scripts; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub(super) scripts: Vec<String>,
    /// Set a session option before the first statement
    #[arg(short = 'D', value_name = "key=value", value_parser = key_value)]
    pub(super) options: Vec<(String, String)>,
    /// Look at no broker
    #[arg(long)]
    pub(super) offline: bool,
    /// What the report looks like
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ReportFormat,
}

/// `--format` of `brooklet check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// Errors with their places, and one line a script
    Text,
    /// One JSON object a statement
    Json,
}

#[derive(Args, Debug)]
pub(super) struct RunArguments {
    /// The script; `-` reads standard input
    #[arg(value_name = "FILE|-")]
    pub(super) script: String,
    /// Set a session option before the first statement
    #[arg(short = 'D', value_name = "key=value", value_parser = key_value)]
    pub(super) options: Vec<(String, String)>,
    /// Start an embedded broker and use it for every Kafka table
    #[arg(long)]
    pub(super) dev_broker: bool,
    /// Forget the progress of earlier runs
    #[arg(long)]
    pub(super) fresh: bool,
    /// Serve /metrics (OpenMetrics) and /healthz at this address
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) metrics: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct BrokerArguments {
    /// Loopback address to listen on; port 0 chooses a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    pub(super) listen: String,
}

#[derive(Args, Debug)]
pub(super) struct TopicArguments {
    #[command(subcommand)]
    pub(super) command: TopicCommand,
}

/// How to reach the cluster.
#[derive(Args, Clone, Debug)]
pub(super) struct ClusterArguments {
    /// Bootstrap servers
    #[arg(short = 'b', long = "bootstrap-server", value_name = "HOST:PORT[,…]", required = true)]
    pub(super) bootstrap: String,
    /// A client property under its Java name; ${env:NAME} and ${file:PATH} keep secrets out of the command line
    #[arg(short = 'X', value_name = "property=value", value_parser = key_value)]
    pub(super) properties: Vec<(String, String)>,
}

/// What `txn` and `job` share.
#[derive(Args, Clone, Debug)]
pub(super) struct AdminArguments {
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
    /// Change nothing: only say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Args, Debug)]
pub(super) struct TxnArguments {
    #[command(subcommand)]
    pub(super) command: TxnCommand,
}

/// States of a transactional id (Kafka's `TransactionState`).
const TRANSACTION_STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

#[derive(Debug, Subcommand)]
pub(super) enum TxnCommand {
    /// List transactional ids with their states
    List {
        #[command(flatten)]
        admin: AdminArguments,
        /// Only ids that begin with this
        #[arg(long, value_name = "PREFIX")]
        prefix: Option<String>,
        /// Only this state, as Kafka names it
        #[arg(long, value_name = "STATE", ignore_case = true,
              value_parser = PossibleValuesParser::new(TRANSACTION_STATES))]
        state: Option<String>,
    },
    /// Show producer, age and partitions of one transactional id
    Describe {
        #[command(flatten)]
        admin: AdminArguments,
        /// Transactional id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Abort open transactions and fence the programs that began them
    Abort {
        #[command(flatten)]
        admin: AdminArguments,
        #[command(flatten)]
        which: TransactionChoice,
    },
}

/// The transactions to abort.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct TransactionChoice {
    /// Transactional ids
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// All ids that begin with this, such as a Flink sink's transactional-id prefix
    #[arg(long, value_name = "PREFIX", value_parser = NonEmptyStringValueParser::new())]
    pub(super) prefix: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct JobArguments {
    #[command(subcommand)]
    pub(super) command: JobCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum JobCommand {
    /// List the jobs that have progress
    List {
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Show where a job goes on, and how much is left to read
    Progress {
        #[command(flatten)]
        admin: AdminArguments,
        /// Name of the job
        #[arg(value_name = "JOB")]
        job: String,
    },
    /// Forget the progress of a job that is stopped: its next start is a fresh one
    Reset {
        #[command(flatten)]
        admin: AdminArguments,
        /// Name of the job
        #[arg(value_name = "JOB")]
        job: String,
    },
}

/// The topic, as an argument or, as in kcat, as an option.
#[derive(Args, Clone, Debug)]
pub(super) struct TopicName {
    /// Topic
    #[arg(value_name = "TOPIC", required_unless_present = "topic", conflicts_with = "topic")]
    argument: Option<String>,
    /// Topic
    #[arg(short = 't', long = "topic", value_name = "TOPIC")]
    topic: Option<String>,
}

impl TopicName {
    /// The one of both that was given; the parser refuses none and both.
    pub(super) fn name(&self) -> &str {
        self.argument.as_deref().or(self.topic.as_deref()).unwrap_or_default()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum TopicCommand {
    /// List topics with their partitions
    List {
        #[command(flatten)]
        cluster: ClusterArguments,
    },
    /// Show partitions, leaders, offsets of a topic
    Describe {
        #[command(flatten)]
        cluster: ClusterArguments,
        #[command(flatten)]
        topic: TopicName,
    },
    /// Create a topic
    Create {
        #[command(flatten)]
        cluster: ClusterArguments,
        #[command(flatten)]
        topic: TopicName,
        /// Number of partitions; the broker's default without it
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// Replicas of each partition; the broker's default without it
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,
        /// A topic configuration
        #[arg(long, value_name = "key=value", value_parser = key_value)]
        config: Vec<(String, String)>,
    },
    /// Delete a topic
    Delete {
        #[command(flatten)]
        cluster: ClusterArguments,
        #[command(flatten)]
        topic: TopicName,
    },
    /// Write the lines of standard input; returns when all are acknowledged
    Produce(ProduceArguments),
    /// Read records, as kcat -C does
    Consume(ConsumeArguments),
}

#[derive(Args, Debug)]
pub(super) struct ProduceArguments {
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
    #[command(flatten)]
    pub(super) topic: TopicName,
    /// Partition; by key, or batch by batch another, without it
    #[arg(short = 'p', value_name = "PARTITION", value_parser = clap::value_parser!(i32).range(0..))]
    pub(super) partition: Option<i32>,
    /// Splits each line into key and value at the first of these
    #[arg(short = 'K', value_name = "DELIMITER", allow_hyphen_values = true)]
    pub(super) key_delimiter: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ConsumeArguments {
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
    #[command(flatten)]
    pub(super) topic: TopicName,
    /// Partition; all without it
    #[arg(short = 'p', value_name = "PARTITION", value_parser = clap::value_parser!(i32).range(0..))]
    pub(super) partition: Option<i32>,
    /// Where to start: beginning, end, -N (last N), OFFSET, s@MS (timestamp); e@MS stops there
    #[arg(
        short = 'o',
        value_name = "beginning|end|-N|OFFSET|s@MS|e@MS",
        allow_hyphen_values = true
    )]
    pub(super) offset: Vec<String>,
    /// Stop after so many records
    #[arg(short = 'c', value_name = "COUNT")]
    pub(super) count: Option<u64>,
    /// Stop at the end of the topic
    #[arg(short = 'e')]
    pub(super) exit_at_end: bool,
    /// Format: %t topic, %p partition, %o offset, %T timestamp, %k key, %K its size, %s value, %S its size, %h headers;
    /// \n \t \xNN
    #[arg(short = 'f', value_name = "FORMAT", conflicts_with = "json", allow_hyphen_values = true)]
    pub(super) format: Option<String>,
    /// One JSON object a line
    #[arg(short = 'J')]
    pub(super) json: bool,
    /// Print the key before the value, with this between them
    #[arg(
        short = 'K',
        value_name = "DELIMITER",
        conflicts_with_all = ["format", "json"],
        allow_hyphen_values = true
    )]
    pub(super) key_delimiter: Option<String>,
}

/// `key=value`, split at the first `=`.
fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected key=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }
}
