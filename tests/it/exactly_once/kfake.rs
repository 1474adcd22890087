//! The same job before franz-go's kfake: an independent third broker beside Apache's and our own.

use super::faults::{POINTS, POINTS_V1, at_points, at_random};
use super::{Load, Torture, count};
use crate::support::Cluster;
use brooklet_protocol_tests::services;

fn torture(release: Option<&str>) -> Option<(Torture, services::Kfake)> {
    let kfake = services::kfake(release)?;
    Some((Torture::new(Cluster::of_kfake(&kfake), Load::default()), kfake))
}

#[test]
fn killed_before_kfake() {
    let Some((torture, _kfake)) = torture(None) else { return };
    let kills = count("BROOKLET_KILLS", 6);
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let mut crashes = 0;
    let figures = torture.run(|| {
        crashes = at_points(&torture, POINTS, rounds);
        at_random(&torture, kills, false);
    });
    figures.report("crashes at named points, SIGKILL at random", "kfake", crashes + kills as usize);
}

/// Transactions of version 1.
#[test]
fn killed_before_kfake_3_9() {
    let Some((torture, _kfake)) = torture(Some("3.9")) else { return };
    let points = [POINTS, POINTS_V1].concat();
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let mut crashes = 0;
    let figures = torture.run(|| crashes = at_points(&torture, &points, rounds));
    figures.report(&format!("crashes at {} named points", points.len()), "kfake as 3.9", crashes);
}
