//! kcat 1.7 on librdkafka 2.0 against the broker.

mod common;

use std::process::Command;

use brooklet_devbroker::DevBroker;

use common::{CODECS, lines, run, skip, start};

/// kcat against a broker, or `None` when it is not installed.
fn kcat(broker: &DevBroker) -> Option<Command> {
    if Command::new("kcat").arg("-V").output().is_err() {
        skip("kcat is not installed");
        return None;
    }
    let mut command = Command::new("kcat");
    command.args(["-b", &broker.bootstrap()]);
    Some(command)
}

#[test]
fn every_codec_goes_there_and_back() {
    let broker = start();
    for codec in CODECS {
        let Some(mut produce) = kcat(&broker) else { return };
        let topic = format!("kcat-{codec}");
        let sent = lines(codec);
        run(produce.args(["-P", "-t", &topic, "-z", codec]), &sent);
        let consume = |extra: &[&str]| {
            let mut command = kcat(&broker).unwrap();
            run(command.args(["-C", "-q", "-e", "-t", &topic]).args(extra), "")
        };
        assert_eq!(consume(&["-o", "beginning"]), sent, "{codec}");
        assert_eq!(consume(&["-o", "-1"]), sent.lines().last().unwrap().to_owned() + "\n");
        let from_now_on = consume(&["-o", "s@9999999999999"]);
        assert_eq!(from_now_on, "", "{codec}: nothing is that new");
        let all = consume(&["-o", "s@1000"]);
        assert_eq!(all, sent, "{codec}: everything is newer than 1970");
    }
}

/// Old librdkafka sends everything uncompressed unless Produce 0 is advertised; it does not say so.
#[test]
fn compressed_batches_arrive_compressed() {
    let broker = start();
    let mut sizes = Vec::new();
    for codec in ["none", "gzip"] {
        let Some(mut produce) = kcat(&broker) else { return };
        run(produce.args(["-P", "-t", codec, "-z", codec]), &"x".repeat(10_000));
        // The size of what a fetch brings shows in the statistics of the consumer.
        let mut consume = kcat(&broker).unwrap();
        let output = consume
            .args(["-C", "-q", "-e", "-o", "beginning", "-t", codec])
            .args(["-d", "protocol"])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let size = log
            .lines()
            .filter(|line| line.contains("Received FetchResponse"))
            .filter_map(|line| line.split(", ").nth(1)?.split(' ').next()?.parse::<usize>().ok())
            .max();
        sizes.push(size.unwrap_or_else(|| panic!("no fetch response in:\n{log}")));
    }
    assert!(sizes[1] * 10 < sizes[0], "uncompressed and gzip fetches took {sizes:?} bytes");
}

#[test]
fn idempotent_producers_keys_and_headers() {
    let broker = start();
    let Some(mut produce) = kcat(&broker) else { return };
    run(
        produce
            .args(["-P", "-t", "t", "-K", ":", "-H", "h=1", "-H", "h=2"])
            .args(["-X", "enable.idempotence=true"]),
        "k1:v1\nk2:v2\n",
    );
    let mut consume = kcat(&broker).unwrap();
    let text = run(
        consume.args(["-C", "-q", "-e", "-t", "t", "-o", "beginning", "-f", "%o %k %s %h\\n"]),
        "",
    );
    assert_eq!(text, "0 k1 v1 h=1,h=2\n1 k2 v2 h=1,h=2\n");
}

#[test]
fn the_broker_and_its_topics_are_listed() {
    let broker = start();
    let Some(mut produce) = kcat(&broker) else { return };
    run(produce.args(["-P", "-t", "listed"]), "x\n");
    let text = run(kcat(&broker).unwrap().arg("-L"), "");
    assert!(text.contains(&format!("broker 1 at {}", broker.bootstrap())), "{text}");
    assert!(text.contains("topic \"listed\" with 1 partitions"), "{text}");
    let offsets = run(kcat(&broker).unwrap().args(["-Q", "-t", "listed:0:-1"]), "");
    assert!(offsets.contains("listed [0] offset 1"), "{offsets}");
}
