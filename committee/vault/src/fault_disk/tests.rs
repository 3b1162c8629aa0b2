use super::state::SECTOR;
use super::*;

const STEP: Step = Step::new("test/step");
const OTHER: Step = Step::new("test/other");

fn disk_with_file(content: &[u8]) -> (FaultDisk, PathBuf) {
    let disk = FaultDisk::new("/base");
    let path = PathBuf::from("/base/file");
    disk.create(STEP, &path, 0).unwrap();
    disk.write_at(STEP, &path, 0, content).unwrap();
    disk.sync_data(STEP, &path).unwrap();
    disk.sync_dir(STEP, Path::new("/base")).unwrap();
    (disk, path)
}

fn content(disk: &FaultDisk, path: &Path) -> Option<Vec<u8>> {
    disk.files().remove(path)
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_only_that() {
    let (disk, path) = disk_with_file(b"old");
    disk.write_at(STEP, &path, 0, b"newer").unwrap();
    disk.create(STEP, Path::new("/base/second"), 0).unwrap();
    disk.restart(Restart::Process);
    assert_eq!(content(&disk, &path).unwrap(), b"newer");
    disk.restart(Restart::PowerLost);
    assert_eq!(content(&disk, &path).unwrap(), b"old");
    assert_eq!(content(&disk, Path::new("/base/second")), None);
}

#[test]
fn synced_content_without_a_synced_name_is_lost_too() {
    let disk = FaultDisk::new("/base");
    let path = Path::new("/base/file");
    disk.create(STEP, path, 0).unwrap();
    disk.write_at(STEP, path, 0, b"content").unwrap();
    disk.sync_data(STEP, path).unwrap();
    disk.restart(Restart::PowerLost);
    assert_eq!(content(&disk, path), None);
    assert!(
        disk.platter().contains(&b"content".to_vec()),
        "but the platter has it"
    );
}

#[test]
fn a_torn_write_leaves_old_and_new_sectors_mixed() {
    let mixed = (0..50).filter(|seed| {
        let (disk, path) = disk_with_file(&[1; 8 * SECTOR]);
        disk.write_at(STEP, &path, 0, &[2; 8 * SECTOR]).unwrap();
        disk.restart(Restart::PowerTorn(*seed));
        let after = content(&disk, &path).unwrap();
        assert!(
            after
                .chunks(SECTOR)
                .all(|s| s == [1; SECTOR] || s == [2; SECTOR])
        );
        after.contains(&1) && after.contains(&2)
    });
    assert!(mixed.count() > 30);
}

#[test]
fn a_crash_strikes_at_its_step_and_time_and_stops_everything() {
    let (disk, path) = disk_with_file(b"old");
    disk.crash_at(OTHER, 1, Moment::During);
    disk.write_at(STEP, &path, 0, b"a").unwrap();
    disk.write_at(OTHER, &path, 0, b"b").unwrap();
    disk.write_at(OTHER, &path, 0, b"cdef").unwrap_err();
    assert!(disk.is_down());
    disk.len(&path).unwrap_err();
    disk.restart(Restart::Process);
    assert_eq!(content(&disk, &path).unwrap(), b"cdd");
}

#[test]
fn removed_and_cut_off_bytes_stay_on_the_platter_until_overwritten() {
    let (disk, path) = disk_with_file(b"secret");
    disk.truncate(STEP, &path, 3).unwrap();
    disk.sync_data(STEP, &path).unwrap();
    disk.remove(STEP, &path).unwrap();
    disk.sync_dir(STEP, Path::new("/base")).unwrap();
    assert!(disk.files().is_empty());
    assert_eq!(disk.platter(), [b"sec".to_vec(), b"ret".to_vec()]);

    let (disk, path) = disk_with_file(b"secret");
    disk.write_at(STEP, &path, 0, b"public").unwrap();
    disk.sync_data(STEP, &path).unwrap();
    assert_eq!(disk.platter(), [b"public".to_vec()]);
}

#[test]
fn a_rename_is_whole_or_not_at_all() {
    for how in [
        Restart::PowerLost,
        Restart::PowerKept,
        Restart::PowerTorn(3),
    ] {
        let (disk, path) = disk_with_file(b"x");
        disk.rename(STEP, &path, Path::new("/base/new")).unwrap();
        disk.restart(how);
        assert_eq!(disk.files().len(), 1);
    }
}

#[test]
fn a_lock_is_free_after_a_restart_and_the_old_holder_cannot_free_the_new_one() {
    let disk = FaultDisk::new("/base");
    let lock = Path::new("/base/lock");
    let old = disk.lock(lock).unwrap();
    assert!(disk.lock(lock).is_err());
    disk.restart(Restart::Process);
    let _new = disk.lock(lock).unwrap();
    drop(old);
    assert!(disk.lock(lock).is_err());
}
