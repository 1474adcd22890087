//! Replay of `tests/slt/*.slt`: what real Flink did, asked of brooklet. The format is in `tests/slt/README.md`.
//!
//! What brooklet answers with "not supported yet" must be listed in `unsupported.txt`, and every other difference in
//! `differences.txt` with its reason. A line that is not needed any more fails as well. `UPDATE=1` rewrites both
//! files; new differences are then marked "unexplained".

mod file;
mod known;
mod record;
mod replay;

use crate::support::Cluster;
use std::path::PathBuf;

/// One test per file and broker.
macro_rules! replay {
    ($($name:ident),+ $(,)?) => {
        const FILES: &[&str] = &[$(stringify!($name)),+];

        mod dev_broker {
            $(#[test] fn $name() { super::check(stringify!($name), &super::Cluster::embedded()); })+
        }

        mod apache_kafka {
            $(#[test] fn $name() {
                if let Some(cluster) = super::Cluster::apache() {
                    super::check(stringify!($name), &cluster);
                }
            })+
        }
    };
}

replay! {
    flink_aliases,
    flink_arithmetic,
    flink_avro,
    flink_avro_confluent,
    flink_avro_options,
    flink_batch_constants,
    flink_canal_json,
    flink_cast,
    flink_cast_dst,
    flink_cast_zone,
    flink_catalog,
    flink_catalog_batch,
    flink_cdc_formats,
    flink_change_feeds,
    flink_constants,
    flink_create_as,
    flink_csv,
    flink_csv_options,
    flink_datagen_nested,
    flink_debezium_avro,
    flink_debezium_json,
    flink_division,
    flink_etl_batch,
    flink_etl_json,
    flink_etl_sets,
    flink_etl_text,
    flink_event_queries,
    flink_expressions,
    flink_feed_columns,
    flink_fleet,
    flink_format_mix,
    flink_functions_arithmetic,
    flink_functions_collection,
    flink_functions_comparison,
    flink_functions_conditional,
    flink_functions_json,
    flink_functions_logic,
    flink_functions_other,
    flink_functions_regexp,
    flink_functions_string,
    flink_functions_time,
    flink_functions_types,
    flink_hints,
    flink_json_options,
    flink_json_places,
    flink_json_records,
    flink_json_types,
    flink_kafka_keys,
    flink_kafka_metadata,
    flink_kafka_options,
    flink_kafka_tables,
    flink_key_values,
    flink_ledger,
    flink_ledger_changes,
    flink_legacy_cast,
    flink_legacy_times,
    flink_logic,
    flink_map_keys,
    flink_maps,
    flink_maxwell_json,
    flink_mixed_constants,
    flink_mixed_ddl,
    flink_mixed_queries,
    flink_more_ddl,
    flink_multilingual,
    flink_nanos,
    flink_odd_feeds,
    flink_odd_wire,
    flink_ogg_json,
    flink_order_batch,
    flink_partitions,
    flink_print,
    flink_protobuf,
    flink_public_changes,
    flink_public_ddl,
    flink_public_events,
    flink_public_functions,
    flink_public_raw_csv,
    flink_public_recipes,
    flink_public_session,
    flink_public_sets,
    flink_public_tables,
    flink_public_values,
    flink_queries,
    flink_raw,
    flink_refusals,
    flink_scripts,
    flink_select_batch,
    flink_select_streaming,
    flink_sensor_catalog,
    flink_sensors,
    flink_sink_parallelism,
    flink_smoke,
    flink_string_functions,
    flink_structured,
    flink_tables,
    flink_time_functions,
    flink_time_letters,
    flink_time_reading,
    flink_types,
    flink_unnest_on,
    flink_upsert_feeds,
    flink_upsert_kafka,
    flink_upsert_options,
    flink_urls,
    flink_variant,
    flink_vendor_jobs,
    flink_view_conditions,
    flink_view_texts,
    flink_views,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/slt")
}

fn check(name: &str, cluster: &Cluster) {
    let text = std::fs::read_to_string(folder().join(format!("{name}.slt"))).unwrap();
    let blocks = file::parse(&text).unwrap_or_else(|error| panic!("{name}.slt: {error}"));
    let found = replay::replay(name, &blocks, cluster);
    known::compare(name, &found);
}

#[test]
fn every_file_has_its_tests() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".slt").map(str::to_owned))
        .collect();
    files.sort();
    assert_eq!(files, FILES, "list the files in {}", file!());
}
