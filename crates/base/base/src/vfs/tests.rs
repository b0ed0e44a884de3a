//! Both file systems keep the trait's promises; the faulty one fails and forgets as told.

use std::path::Path;

use super::*;

/// What any file system must do below an existing directory.
fn check_promises(vfs: &dyn Vfs, root: &Path) {
    let dir = root.join("a/b");
    vfs.create_dir_all(&dir).expect("directories");
    let path = dir.join("f");
    let file = vfs.create(&path).expect("a file");
    assert_eq!(vfs.create(&path).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
    file.write_all_at(b"hello", 0).expect("a write");
    file.write_all_at(b"J", 0).expect("a write over it");
    file.set_len(7).expect("longer");
    assert_eq!(vfs.read(&path).expect("a read"), b"Jello\0\0");
    assert_eq!(*vfs.map(&path).expect("a map"), *b"Jello\0\0");
    assert!(vfs.create(&dir.join("empty")).and_then(|file| file.map()).expect("a map of nothing").is_empty());
    vfs.remove_file(&dir.join("empty")).expect("remove");
    file.set_len(2).expect("shorter");
    assert_eq!(vfs.open_read(&path).expect("open").len().expect("length"), 2);
    file.sync_data().expect("sync");
    let second = dir.join("g");
    vfs.hard_link(&path, &second).expect("a link");
    assert_eq!(vfs.hard_link(&path, &second).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
    vfs.remove_file(&path).expect("remove");
    assert_eq!(vfs.read(&second).expect("it lives on"), b"Je");
    vfs.rename(&second, &path).expect("rename");
    vfs.sync_dir(&dir).expect("sync");
    vfs.rename(&dir, &root.join("c")).expect("rename");
    assert!(vfs.open_read(&path).is_err());
    assert_eq!(vfs.list(&root.join("c")).expect("list"), [DirEntry { name: "f".into(), is_dir: false }]);
    assert_eq!(vfs.open_read(&path).expect_err("gone").kind(), io::ErrorKind::NotFound);
    vfs.remove_file(&root.join("c/f")).expect("remove");
    vfs.remove_dir_all(&root.join("a")).expect("remove");
    assert_eq!(vfs.list(root).expect("list"), [DirEntry { name: "c".into(), is_dir: true }]);
    for content in [&b"old"[..], b"newer"] {
        vfs.replace(&root.join("c/h"), content).expect("replace");
        assert_eq!(vfs.read(&root.join("c/h")).expect("a read"), content);
    }
}

#[test]
fn the_system_keeps_the_promises() {
    let dir = tempfile::tempdir().expect("a directory");
    check_promises(&OsVfs, dir.path());
}

#[test]
fn the_faulty_one_keeps_them_too() {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new("/r")).expect("a directory");
    check_promises(&vfs, Path::new("/r"));
}

#[test]
fn what_is_synced_survives_and_the_rest_need_not() {
    let vfs = FaultVfs::new();
    let dir = Path::new("/r");
    vfs.create_dir_all(dir).expect("a directory");
    vfs.sync_dir(Path::new("/")).expect("sync");
    vfs.sync_dir(dir).expect("sync");
    let file = vfs.create(&dir.join("f")).expect("a file");
    file.write_all_at(&[1; 2000], 0).expect("a write");
    file.sync_data().expect("sync");
    assert!(vfs.crash(Crash::LoseAll).open_read(&dir.join("f")).is_err(), "its name was not synced");
    vfs.sync_dir(dir).expect("sync");
    file.write_all_at(&[2; 2000], 1000).expect("a write");
    let read = |how| {
        let after: &dyn Vfs = &vfs.crash(how);
        after.read(&dir.join("f")).expect("it is there")
    };
    assert_eq!(read(Crash::LoseAll), [1; 2000]);
    assert_eq!(read(Crash::LoseNothing).len(), 3000);
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let bytes = read(Crash::Dice { seed });
        assert_eq!(bytes[..1000], [1; 1000], "what was synced and not written over");
        kinds.insert(bytes);
    }
    assert!(kinds.len() > 10, "the dice know only {} ways", kinds.len());
}

#[test]
fn the_nth_call_fails_and_space_ends() {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new("/r")).expect("a directory");
    let file = vfs.create(Path::new("/r/f")).expect("a file");
    vfs.set_faults(Faults { eio_at: Some(1), ..Faults::default() });
    file.write_all_at(&[1; 10], 0).expect("call 0");
    assert_eq!(file.write_all_at(&[2; 10], 10).expect_err("call 1").raw_os_error(), Some(5));
    assert_eq!(file.len().expect("length"), 15, "a part was written");
    vfs.set_faults(Faults { space_bytes: Some(18), ..Faults::default() });
    assert_eq!(file.write_all_at(&[3; 10], 10).expect_err("full").kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().expect("length"), 18);
    vfs.set_faults(Faults { gone_from: Some(0), ..Faults::default() });
    assert!(file.sync_data().is_err() && file.sync_data().is_err());
}
