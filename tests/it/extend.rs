//! The example of a program with a connector, a format and a partitioner of its own.

#[path = "../../examples/extend/main.rs"]
#[allow(dead_code, reason = "the program's own main is not called")]
mod program;

#[test]
fn the_example_prints_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let printed = program::run(&folder.path().join("labels.txt")).unwrap();
    let rows: Vec<&str> = printed.lines().filter(|line| line.starts_with("| ")).collect();
    let expected = [["1", "us", "coffee"], ["0", "eu", "milk"], ["0", "eu", "tea"]];
    assert_eq!(rows.len(), 4, "{printed}");
    for (row, expected) in rows[1..].iter().zip(expected) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1..4], expected, "{printed}");
    }
    assert!(printed.ends_with("COFFEE,us\nMILK,eu\nTEA,eu\n"), "{printed}");
}
