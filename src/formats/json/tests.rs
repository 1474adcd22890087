use crate::formats::harness::check_recording;

#[test]
fn rows_are_those_of_flink() {
    check_recording(
        include_str!("../recorded/json.tsv"),
        include_str!("../recorded/json-differences.tsv"),
    );
}
