//! The sections of any file as removals and as a calibration, beside a segment of version 1.

#![no_main]

use libfuzzer_sys::fuzz_target;
use passim_fuzz::{CraftedFile, Index, Kind};

thread_local! {
    static INDEX: Index = Index::default();
    static SEGMENT: CraftedFile = CraftedFile::of(&Index::v1().read("segment-1.passim"));
}

fuzz_target!(|bytes: &[u8]| {
    let file = CraftedFile::of(bytes);
    let has = |tag| file.position(tag).is_some();
    let (segment, id) = SEGMENT.with(|segment| segment.bytes(Kind::Segment, 1));
    let (removals, removals_id) = file.bytes(Kind::Removals, 2);
    let (calibration, calibration_id) = file.bytes(Kind::Calibration, 4);
    INDEX.with(|index| {
        index.remove_all();
        index.write("segment-1.passim", &segment);
        index.write("removals-2.passim", &removals);
        index.write("calibration-4.passim", &calibration);
        let removals = has(90).then_some(removals_id);
        index.write_manifest(id, removals, has(100).then_some(calibration_id));
        _ = index.use_all();
    });
});
