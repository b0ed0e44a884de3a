//! The file that keeps all groups, in upstream's format: a gob stream of `map[string]MetricGroup`, byte tables in
//! `docs/format/pushgateway.md`.
//!
//! A new file takes the place of the old one in one step, synced before. What upstream does not know, the wishes of
//! groups, stands in a field more of the group, which Go's decoder steps over, and only when a group has any.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::TimestampNs;
use firesteel_base::vfs::Vfs;
use firesteel_expfmt::{family_to_message, message_to_family};
use tracing::warn;

use crate::gob::{GobError, GobReader, GobWriter, Type, TypeId};
use crate::group::Kept;
use crate::options::Wishes;
use crate::{FileError, Group, GroupLabels};

const STRING: TypeId = 6;
const GROUPS: TypeId = 65;
const GROUP: TypeId = 66;
const LABELS: TypeId = 67;
const FAMILIES: TypeId = 68;
const FAMILY: TypeId = 69;
const TIME: TypeId = 70;
const MESSAGE: TypeId = 71;
const WISHES: &str = "FiresteelWishes";

/// Seconds between the years 1 and 1970, as Go counts them.
const UNIX_TO_GO_SECS: i64 = 62_135_596_800;

/// Returns all groups as the file holds them.
pub fn encode_groups(groups: &[Arc<Group>]) -> Vec<u8> {
    let with_wishes = groups.iter().any(|group| group.wishes != Wishes::default());
    let field = |name: &str, id| (name.to_owned(), id);
    let mut out = GobWriter::default();
    out.define(GROUPS, "GroupingKeyToMetricGroup", &Type::Map { key: STRING, value: GROUP });
    let mut fields = vec![field("Labels", LABELS), field("Metrics", FAMILIES)];
    if with_wishes {
        fields.push(field(WISHES, STRING));
    }
    out.define(GROUP, "MetricGroup", &Type::Struct(fields));
    out.define(LABELS, "map[string]string", &Type::Map { key: STRING, value: STRING });
    out.define(FAMILIES, "NameToTimestampedMetricFamilyMap", &Type::Map { key: STRING, value: FAMILY });
    let fields = vec![field("Timestamp", TIME), field("GobbableMetricFamily", MESSAGE)];
    out.define(FAMILY, "TimestampedMetricFamily", &Type::Struct(fields));
    out.define(TIME, "Time", &Type::Opaque);
    out.define(MESSAGE, "GobbableMetricFamily", &Type::Opaque);

    let mut body = GobWriter::value(GROUPS);
    body.uint(groups.len() as u64);
    let mut message = Vec::new();
    for group in groups {
        body.bytes(&group.labels.key());
        // A field that is empty is not written.
        let mut before = 0;
        let mut begin = |body: &mut GobWriter, field: u64| {
            body.uint(field - before);
            before = field;
        };
        if group.labels.iter().len() > 0 {
            begin(&mut body, 1);
            body.uint(group.labels.iter().len() as u64);
            for (name, value) in group.labels.iter() {
                body.bytes(name.as_bytes());
                body.bytes(value.as_bytes());
            }
        }
        if !group.families.is_empty() {
            begin(&mut body, 2);
            body.uint(group.families.len() as u64);
            for (name, kept) in &group.families {
                body.bytes(name.as_bytes());
                body.uint(1);
                body.bytes(&time_to_bytes(kept.pushed));
                body.uint(1);
                message.clear();
                family_to_message(&kept.family, &mut message);
                body.bytes(&message);
                body.uint(0);
            }
        }
        let wishes = group.wishes.to_text();
        if !wishes.is_empty() {
            begin(&mut body, 3);
            body.bytes(wishes.as_bytes());
        }
        body.uint(0);
    }
    out.message(&body);
    out.out
}

/// Reads what [`encode_groups`] or upstream wrote. Errors with what is wrong, and the byte.
pub fn read_groups(bytes: &[u8]) -> Result<Vec<Group>, (&'static str, usize)> {
    decode(bytes).map_err(|e| (e.why, e.at))
}

fn decode(bytes: &[u8]) -> Result<Vec<Group>, GobError> {
    let mut reader = GobReader::new(bytes);
    let top = reader.next_value()?;
    let group = reader.string_map(top).ok_or_else(|| reader.fault("no map of groups"))?;
    let fields = struct_of(&reader, group)?;
    let mut groups = Vec::new();
    for _ in 0..reader.count()? {
        reader.bytes()?;
        groups.push(read_group(&mut reader, &fields)?);
    }
    if reader.is_at_end() { Ok(groups) } else { Err(reader.fault("bytes behind the groups")) }
}

fn struct_of(reader: &GobReader<'_>, id: TypeId) -> Result<Vec<(String, TypeId)>, GobError> {
    match reader.type_of(id) {
        Some(Type::Struct(fields)) => Ok(fields.clone()),
        _ => Err(reader.fault("no struct where one should be")),
    }
}

fn read_group(reader: &mut GobReader<'_>, fields: &[(String, TypeId)]) -> Result<Group, GobError> {
    let mut group = Group::default();
    let mut at = 0;
    while reader.next_field(&mut at)? {
        let (name, id) = field(reader, fields, at)?;
        match name {
            "Labels" if reader.string_map(id).is_some_and(GobReader::is_string) => {
                let mut pairs = Vec::new();
                for _ in 0..reader.count()? {
                    pairs.push((reader.string()?, reader.string()?));
                }
                group.labels = GroupLabels::new(pairs);
            }
            "Metrics" => {
                let family = reader.string_map(id).ok_or_else(|| reader.fault("no map of metrics"))?;
                let fields = struct_of(reader, family)?;
                for _ in 0..reader.count()? {
                    let name = reader.string()?;
                    if let Some(kept) = read_family(reader, &fields, &name)? {
                        group.families.insert(kept.family.name.clone(), kept);
                    }
                }
            }
            WISHES if GobReader::is_string(id) => group.wishes = Wishes::from_text(&reader.string()?),
            _ => reader.skip(id)?,
        }
    }
    Ok(group)
}

fn field<'f>(reader: &GobReader<'_>, fields: &'f [(String, TypeId)], at: u64) -> Result<(&'f str, TypeId), GobError> {
    let found = usize::try_from(at - 1).ok().and_then(|at| fields.get(at));
    found.map(|(name, id)| (name.as_str(), *id)).ok_or_else(|| reader.fault("a field that its type does not have"))
}

/// A family that contradicts itself is left out, and said so: the others are worth keeping.
fn read_family(reader: &mut GobReader<'_>, fields: &[(String, TypeId)], name: &str) -> Result<Option<Kept>, GobError> {
    let (mut pushed, mut message) = (TimestampNs(0), None);
    let mut at = 0;
    while reader.next_field(&mut at)? {
        let (name, id) = field(reader, fields, at)?;
        match name {
            "Timestamp" => {
                let bytes = reader.bytes()?;
                pushed = time_from_bytes(bytes).ok_or_else(|| reader.fault("no time"))?;
            }
            "GobbableMetricFamily" => message = Some(reader.bytes()?),
            _ => reader.skip(id)?,
        }
    }
    let Some(message) = message else { return Ok(None) };
    match message_to_family(message) {
        Ok(family) => Ok(Some(Kept { pushed, family: Arc::new(family) })),
        Err(err) => {
            warn!(family = name, %err, "a persisted metric family is left out");
            Ok(None)
        }
    }
}

/// `time.Time.MarshalBinary`: version, seconds since the year 1, nanoseconds, minutes east of UTC (-1: UTC itself).
fn time_to_bytes(t: TimestampNs) -> [u8; 15] {
    let mut out = [0; 15];
    out[0] = 1;
    out[1..9].copy_from_slice(&(t.unix_secs() + UNIX_TO_GO_SECS).to_be_bytes());
    out[9..13].copy_from_slice(&(t.0.rem_euclid(1_000_000_000) as u32).to_be_bytes());
    out[13..].copy_from_slice(&(-1_i16).to_be_bytes());
    out
}

/// Version 2 has seconds behind the minutes. What lies beyond the scale of nanoseconds stops at its end.
fn time_from_bytes(bytes: &[u8]) -> Option<TimestampNs> {
    let (version, rest) = bytes.split_first()?;
    if !matches!((version, bytes.len()), (1, 15) | (2, 16)) {
        return None;
    }
    let secs = i64::from_be_bytes(*rest.first_chunk()?).checked_sub(UNIX_TO_GO_SECS)?;
    let nanos = u32::from_be_bytes(*rest.get(8..)?.first_chunk()?);
    let secs = i128::from(secs) * 1_000_000_000 + i128::from(nanos);
    Some(TimestampNs(secs.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
}

/// Reads the file; `None` when there is none. One that cannot be read is set aside, so that nothing overwrites it.
pub fn load(vfs: &dyn Vfs, path: &Path) -> Result<Option<Vec<Group>>, FileError> {
    let fault = |source| FileError::Io { path: path.to_owned(), source };
    let bytes = match vfs.read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fault(e)),
    };
    match read_groups(&bytes) {
        Ok(groups) => Ok(Some(groups)),
        Err((why, at)) => {
            let aside = with_suffix(path, ".unreadable");
            vfs.rename(path, &aside).map_err(fault)?;
            Err(FileError::Format { path: aside, why, at })
        }
    }
}

/// Puts the file in the place of the old one: after a crash there is one of the two, never a part.
pub fn save(vfs: &dyn Vfs, path: &Path, groups: &[Arc<Group>]) -> Result<(), FileError> {
    let fault = |source| FileError::Io { path: path.to_owned(), source };
    let bytes = encode_groups(groups);
    // As upstream names it, but for the random end: what a crash leaves is overwritten the next time.
    let progress = with_suffix(path, ".in_progress.firesteel");
    match vfs.remove_file(&progress) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fault(e)),
        _ => {}
    }
    let file = vfs.create(&progress).map_err(fault)?;
    file.write_all_at(&bytes, 0).map_err(fault)?;
    file.sync_data().map_err(fault)?;
    vfs.rename(&progress, path).map_err(fault)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    vfs.sync_dir(dir).map_err(fault)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
