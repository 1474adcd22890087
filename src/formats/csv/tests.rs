use crate::formats::harness::check_recording;

#[test]
fn rows_are_those_of_flink() {
    check_recording(
        include_str!("../recorded/csv.tsv"),
        include_str!("../recorded/csv-differences.tsv"),
    );
}
