// SPDX-License-Identifier: GPL-2.0

//! Coordinates of a node, and the words for what is known of them.

use numaweave_policy::{Algorithm, Coordinates, Metric, Scope, Source};

const fn coordinates(read: u32, write: u32) -> Coordinates {
    Coordinates { read, write }
}

#[test]
fn a_metric_takes_the_known_sides() {
    // Read, write; by min, by read, by write, by mainline.
    let cases = [
        (0, 0, 0, 0, 0, 0),
        (300, 200, 200, 300, 200, 200),
        (200, 300, 200, 200, 300, 200),
        (300, 0, 300, 300, 300, 0),
        (0, 200, 200, 200, 200, 0),
        (u32::MAX, 1, 1, u32::MAX, 1, 1),
    ];
    for (read, write, min, by_read, by_write, mainline) in cases {
        let coordinates = coordinates(read, write);
        assert_eq!(coordinates.bandwidth(Metric::Min), min, "{coordinates:?}");
        assert_eq!(
            coordinates.bandwidth(Metric::Read),
            by_read,
            "{coordinates:?}"
        );
        assert_eq!(
            coordinates.bandwidth(Metric::Write),
            by_write,
            "{coordinates:?}"
        );
        assert_eq!(coordinates.mainline(), mainline, "{coordinates:?}");
        assert_eq!(
            coordinates.is_known(),
            read != 0 || write != 0,
            "{coordinates:?}"
        );
    }
}

#[test]
fn an_override_replaces_each_side_that_it_knows() {
    let own = coordinates(300, 200);
    let cases = [
        ((0, 0), (300, 200)),
        ((1, 0), (1, 200)),
        ((0, 2), (300, 2)),
        ((1, 2), (1, 2)),
    ];

    for ((read, write), (new_read, new_write)) in cases {
        assert_eq!(
            own.overridden_by(coordinates(read, write)),
            coordinates(new_read, new_write)
        );
        assert_eq!(
            Coordinates::default().overridden_by(coordinates(read, write)),
            coordinates(read, write)
        );
    }
}

#[test]
fn names_are_those_of_sysfs() {
    assert_eq!(
        Algorithm::ALL.map(Algorithm::name),
        ["balanced", "mainline"]
    );
    assert_eq!(Metric::ALL.map(Metric::name), ["min", "read", "write"]);
    assert_eq!(
        [
            Source::None,
            Source::Firmware,
            Source::Update,
            Source::Override,
            Source::System,
        ]
        .map(Source::name),
        ["none", "firmware", "update", "override", "system"]
    );
    assert_eq!(Scope::ALL.map(Scope::name), ["system", "initiator"]);
}

#[test]
fn names_are_read_back() {
    for algorithm in Algorithm::ALL {
        assert_eq!(
            Algorithm::from_name(algorithm.name().as_bytes()),
            Some(algorithm)
        );
    }
    for metric in Metric::ALL {
        assert_eq!(Metric::from_name(metric.name().as_bytes()), Some(metric));
    }
    for scope in Scope::ALL {
        assert_eq!(Scope::from_name(scope.name().as_bytes()), Some(scope));
    }
    for wrong in [
        "System",
        "initiator\n",
        "",
        "Min",
        "min ",
        "mi",
        "minn",
        "min\n",
        "balance",
        "balanced\0",
        "[min]",
    ] {
        assert_eq!(Algorithm::from_name(wrong.as_bytes()), None, "{wrong:?}");
        assert_eq!(Metric::from_name(wrong.as_bytes()), None, "{wrong:?}");
        assert_eq!(Scope::from_name(wrong.as_bytes()), None, "{wrong:?}");
    }
}

#[test]
fn defaults() {
    assert_eq!(Algorithm::default(), Algorithm::Balanced);
    assert_eq!(Metric::default(), Metric::Min);
    assert_eq!(Source::default(), Source::None);
    assert_eq!(Scope::default(), Scope::System);
    assert!(!Coordinates::default().is_known());
}
