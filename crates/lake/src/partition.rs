//! Rows in memory become files: one per day and agency, sorted by time and id.

use std::{collections::BTreeMap, path::Path};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::interleave_record_batch,
    datatypes::{Int64Type, TimestampMicrosecondType},
};

use crate::{
    Result,
    file::{Entry, FileWriter, Layout},
    manifest::sync_folder,
    options::{BATCH_ROWS, DAYS_PER_FLUSH_MAX},
    schema::at,
};

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// A row and where it belongs; ordered as rows are in files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    agency: i64,
    stray: bool,
    day: i64,
    time: i64,
    epoch: i64,
    sequence: i64,
    batch: usize,
    row: usize,
}

fn places(batches: &[&RecordBatch]) -> Vec<Place> {
    let mut all = Vec::with_capacity(batches.iter().map(|b| b.num_rows()).sum());
    for (batch, columns) in batches.iter().enumerate() {
        let time = |at: usize| columns.columns().get(at).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let number = |at: usize| columns.columns().get(at).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let (Some(times), Some(epochs), Some(sequences), Some(agencies)) =
            (time(at::TIME), number(at::EPOCH), number(at::SEQUENCE), number(at::AGENCY))
        else {
            continue;
        };
        let rows = times.values().iter().zip(epochs.values()).zip(sequences.values()).zip(agencies.values());
        for (row, (((time, epoch), sequence), agency)) in rows.enumerate() {
            let day = time.div_euclid(DAY_MICROS);
            all.push(Place {
                agency: *agency,
                stray: false,
                day,
                time: *time,
                epoch: *epoch,
                sequence: *sequence,
                batch,
                row,
            });
        }
    }
    all
}

/// Lines with absurd dates must not become thousands of files: of each agency the days with most rows have files
/// of their own, the rest share one file under today's day.
fn gather_strays(all: &mut [Place], today: i64) {
    let mut days: BTreeMap<i64, BTreeMap<i64, usize>> = BTreeMap::new();
    for p in all.iter() {
        *days.entry(p.agency).or_default().entry(p.day).or_default() += 1;
    }
    days.retain(|_, d| d.len() > DAYS_PER_FLUSH_MAX);
    if days.is_empty() {
        return;
    }
    for d in days.values_mut() {
        let mut by_rows: Vec<_> = d.iter().map(|(day, rows)| (*rows, *day)).collect();
        by_rows.sort_unstable();
        for (_, day) in by_rows.iter().rev().skip(DAYS_PER_FLUSH_MAX) {
            d.remove(day);
        }
    }
    for p in all.iter_mut() {
        if days.get(&p.agency).is_some_and(|kept| !kept.contains_key(&p.day)) {
            p.stray = true;
            p.day = today;
        }
    }
}

/// Name of a day's folder.
fn day_name(day: i64) -> String {
    let date =
        bongsu_event::Micros(day.saturating_mul(DAY_MICROS)).timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    format!("day={date}")
}

/// What writing needs to know besides the rows.
pub struct Writing<'a> {
    pub dir: &'a Path,
    pub zstd_level: i32,
    pub now_seconds: i64,
    /// Gives each file a number that was never used.
    pub next_file: &'a dyn Fn() -> u64,
}

/// Path of a new file.
pub fn file_path(folder: &str, number: u64, stray: bool) -> String {
    format!("{folder}/{number:010}{}.parquet", if stray { "-stray" } else { "" })
}

/// Write these batches to files, all of them on disk when this returns. On failure nothing of it is left.
pub fn write(batches: &[&RecordBatch], how: &Writing<'_>) -> Result<Vec<Entry>> {
    let mut all = places(batches);
    gather_strays(&mut all, how.now_seconds.div_euclid(86_400));
    all.sort_unstable();
    let mut entries = Vec::new();
    let written = all
        .chunk_by(|a, b| (a.agency, a.stray, a.day) == (b.agency, b.stray, b.day))
        .try_for_each(|rows| write_one(batches, rows, how, &mut entries));
    if let Err(e) = written {
        for entry in &entries {
            // What cannot be deleted now is swept at the next start.
            let _ = std::fs::remove_file(how.dir.join(&entry.path));
        }
        return Err(e);
    }
    sync_folders(how.dir, &entries)?;
    Ok(entries)
}

/// The columns that these rows have values in.
fn layout(batches: &[&RecordBatch], rows: &[Place]) -> Layout {
    Layout::new(|at| {
        let columns: Vec<_> =
            batches.iter().map(|b| b.columns().get(at).filter(|c| c.null_count() < c.len())).collect();
        columns.iter().any(Option::is_some)
            && rows.iter().any(|p| columns.get(p.batch).copied().flatten().is_some_and(|c| c.is_valid(p.row)))
    })
}

fn write_one(batches: &[&RecordBatch], rows: &[Place], how: &Writing<'_>, entries: &mut Vec<Entry>) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let folder = format!("{}/agency={}", day_name(first.day), first.agency);
    let path = file_path(&folder, (how.next_file)(), first.stray);
    let agency = u32::try_from(first.agency).unwrap_or(0);
    let layout = layout(batches, rows);
    let written = (|| {
        let narrow = batches.iter().map(|b| b.project(&layout.columns)).collect::<Result<Vec<_>, _>>()?;
        let narrow: Vec<&RecordBatch> = narrow.iter().collect();
        let mut file = FileWriter::create(how.dir, path.clone(), agency, how.zstd_level, layout.clone())?;
        for rows in rows.chunks(BATCH_ROWS) {
            let picks: Vec<_> = rows.iter().map(|p| (p.batch, p.row)).collect();
            file.write(&interleave_record_batch(&narrow, &picks)?)?;
        }
        file.finish(how.now_seconds)
    })();
    match written {
        Ok(entry) => {
            entries.push(entry);
            Ok(())
        }
        Err(e) => {
            let _ = std::fs::remove_file(how.dir.join(&path));
            Err(e)
        }
    }
}

/// Make the names of new files durable: their folders, the folders' folders, and the lake's.
pub fn sync_folders(dir: &Path, entries: &[Entry]) -> Result<()> {
    let mut folders: Vec<_> = entries.iter().map(|e| dir.join(e.folder())).collect();
    folders.extend(folders.clone().iter().filter_map(|f| f.parent().map(Path::to_owned)));
    folders.push(dir.to_owned());
    folders.sort_unstable();
    folders.dedup();
    folders.iter().try_for_each(|f| sync_folder(f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_days_share_a_file() {
        let place = |day: i64| Place {
            agency: 1,
            stray: false,
            day,
            time: day * DAY_MICROS,
            epoch: 1,
            sequence: 1,
            batch: 0,
            row: 0,
        };
        let mut all: Vec<_> = (0..1000).map(place).chain((0..50).map(|_| place(20_000))).collect();
        gather_strays(&mut all, 20_001);
        let mut days: Vec<_> = all.iter().map(|p| (p.stray, p.day)).collect();
        days.sort_unstable();
        days.dedup();
        assert_eq!(days.len(), DAYS_PER_FLUSH_MAX + 1);
        assert!(days.contains(&(false, 20_000)) && days.contains(&(true, 20_001)));
    }

    #[test]
    fn days_before_1970_have_names() {
        assert_eq!(day_name(-1), "day=1969-12-31");
        assert_eq!(day_name(20_000), "day=2024-10-04");
        assert!(day_name(i64::MIN / 2).starts_with("day=-"));
    }
}
