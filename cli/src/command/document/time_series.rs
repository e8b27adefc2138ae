//! `jackdaw time-series`: appends to time series of documents, reads and deletes them.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jackdaw_proto::documents::{
    AppendTimeSeries, AppendTimeSeriesRequest, DeleteTimeSeriesRange, DeleteTimeSeriesRangeRequest,
    GetTimeSeriesRangeRequest, ListTimeSeriesRequest, TimeSeriesEntry, Written,
};
use prost_types::Timestamp;
use tokio::task::block_in_place;

use super::{DocumentOption, written};
use crate::command::{DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::json_lines::{EntryLines, LineError, read_time};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, counted, note};
use crate::report::view::{EntryView, TimeSeriesView};
use crate::transfer::open_lines;

/// Time series of documents.
#[derive(Args, Debug)]
pub(crate) struct TimeSeriesCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

/// A time series of a document.
#[derive(Args, Clone, Debug)]
struct SeriesOption {
    #[command(flatten)]
    document: DocumentOption,

    /// Name of the series; one that begins with "INC:" adds up what is appended at one time
    name: String,
}

/// A span of time.
#[derive(Args, Clone, Debug)]
struct SpanOption {
    /// First time, as RFC 3339 writes it; without it the first there is
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,

    /// Last time, itself included; without it the last there is
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put entries into a series, each in the place of what is there at its time
    ///
    /// In a series whose name begins with "INC:" values are added to what is there at their time:
    /// entries that are appended twice, for instance because the first time failed on the way, add
    /// up twice.
    Append {
        #[command(flatten)]
        series: SeriesOption,

        /// Time of one entry, as RFC 3339 writes it, to milliseconds and with an offset
        #[arg(value_parser = time, required_unless_present = "file", conflicts_with = "file")]
        time: Option<Timestamp>,

        /// Its values, 1 to 32
        #[arg(
            value_name = "VALUE",
            allow_negative_numbers = true,
            required_unless_present = "file",
            conflicts_with = "file"
        )]
        values: Vec<f64>,

        /// What to say of it
        #[arg(long, conflicts_with = "file")]
        tag: Option<String>,

        /// File with entries, at least one, each a line like
        /// ["2000-01-01T00:00:00Z",[39.81],null]; "-": standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the entries of a series
    ///
    /// Sums of a series that adds up may be no finite numbers: as JSON and YAML these are the
    /// strings "Infinity", "-Infinity" and "NaN".
    Get {
        #[command(flatten)]
        series: SeriesOption,

        #[command(flatten)]
        span: SpanOption,
    },
    /// List the time series of a document
    List {
        #[command(flatten)]
        document: DocumentOption,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Delete the entries of a series from one time to another, or all of it
    Delete {
        #[command(flatten)]
        series: SeriesOption,

        #[command(flatten)]
        span: SpanOption,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

impl TimeSeriesCommand {
    pub(in crate::command) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Append { series, time, values, tag, file } => {
                let appended = match file {
                    Some(file) => append_file(&service, &series, &file).await?,
                    None => {
                        let entry = TimeSeriesEntry { time, values, tag };
                        append(&service, &series, vec![entry]).await?
                    }
                };
                output.one(&written(appended))?;
            }
            What::Get { series, span } => get(&service, series, span, output).await?,
            What::List { document, list: shown } => {
                list(&service, &document, shown, output).await?
            }
            What::Delete { series, span, deletion } => {
                let what = described(&series, &span);
                if deletion.confirmed(&what)? {
                    delete(&service, series, span, output).await?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// Reads a time that was typed.
fn time(text: &str) -> Result<Timestamp, String> {
    read_time(text).ok_or_else(|| "write a time like 2000-01-01T00:00:00.250Z".to_owned())
}

fn described(series: &SeriesOption, span: &SpanOption) -> String {
    let mut text = format!("time series {} of document {}", series.name, series.document.id);
    if let Some(from) = &span.from {
        text.push_str(&format!(" from {from}"));
    }
    if let Some(to) = &span.to {
        text.push_str(&format!(" to {to}"));
    }
    text
}

async fn append(
    service: &Service,
    series: &SeriesOption,
    entries: Vec<TimeSeriesEntry>,
) -> Result<Option<Written>, Failure> {
    let append = AppendTimeSeries {
        document_id: series.document.id.clone(),
        name: series.name.clone(),
        entries,
    };
    let request = AppendTimeSeriesRequest {
        database: series.document.database.database.clone(),
        append_time_series: Some(append),
    };
    Ok(service.answer(service.documents().append_time_series(request)).await?.written)
}

/// Appends the entries that a file has, some at a time.
async fn append_file(
    service: &Service,
    series: &SeriesOption,
    file: &Path,
) -> Result<Option<Written>, Failure> {
    let (input, _) = open_lines(file)?;
    let mut lines = EntryLines::new(input);
    let (mut done, mut last) = (0, None);
    loop {
        let read = block_in_place(|| some(&mut lines));
        let before = |failure: Failure| {
            let written = counted(done, "entry");
            failure.with_line(format_args!("  appended before: {written}"))
        };
        let (numbers, entries): (Vec<_>, Vec<_>) =
            read.map_err(|error| before(Failure::local(error)))?.into_iter().unzip();
        if entries.is_empty() {
            break;
        }
        last = append(service, series, entries).await.map_err(|failure| {
            let failure = match place(&failure, &numbers) {
                Some(place) => failure.while_doing(place),
                None => failure,
            };
            before(failure)
        })?;
        done += numbers.len() as u64;
    }
    if done == 0 {
        return Err(Failure::local(format!("{} has no entries", file.display())));
    }
    note(format_args!("appended: {}", counted(done, "entry")));
    Ok(last)
}

/// The lines that a service refused: the one of the entry that it names, else all that it was sent.
fn place(failure: &Failure, numbers: &[u64]) -> Option<String> {
    let (first, last) = (numbers.first()?, numbers.last()?);
    let entry = failure.field().and_then(|field| {
        field.strip_prefix("append_time_series.entries[")?.split_once(']')?.0.parse::<usize>().ok()
    });
    Some(match entry.and_then(|entry| numbers.get(entry)) {
        Some(number) => format!("line {number}"),
        None if first == last => format!("line {first}"),
        None => format!("lines {first} to {last}"),
    })
}

/// The entries of the next lines; none at the end.
fn some<R: BufRead>(lines: &mut EntryLines<R>) -> Result<Vec<(u64, TimeSeriesEntry)>, LineError> {
    lines.take(ENTRIES_AT_ONCE).collect()
}

/// Prints entries as they come.
async fn get(
    service: &Service,
    series: SeriesOption,
    span: SpanOption,
    output: Output,
) -> Result<(), Failure> {
    let request = GetTimeSeriesRangeRequest {
        database: series.document.database.database,
        document_id: series.document.id,
        name: series.name,
        first: span.from,
        last: span.to,
    };
    let mut client = service.documents();
    let mut parts = service.answer(client.get_time_series_range(request)).await?;
    while let Some(part) = service.in_time(parts.message()).await?? {
        for entry in part.entries {
            output.event(&EntryView::from(entry))?;
        }
    }
    Ok(())
}

async fn list(
    service: &Service,
    document: &DocumentOption,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListTimeSeriesRequest {
            database: document.database.database.clone(),
            document_id: document.id.clone(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_time_series(request)).await?;
        let series = page.time_series.into_iter().map(TimeSeriesView::from);
        Ok((series.collect(), page.next_page_token))
    };
    shown.show("time series", output, page).await
}

async fn delete(
    service: &Service,
    series: SeriesOption,
    span: SpanOption,
    output: Output,
) -> Result<(), Failure> {
    let delete = DeleteTimeSeriesRange {
        document_id: series.document.id,
        name: series.name,
        first: span.from,
        last: span.to,
    };
    let request = DeleteTimeSeriesRangeRequest {
        database: series.document.database.database,
        delete_time_series_range: Some(delete),
    };
    let answer = service.answer(service.documents().delete_time_series_range(request)).await?;
    let written = written(answer.written);
    if written.is_nothing() {
        note("there were no such entries");
    }
    output.one(&written)
}

/// Entries that are appended by one call.
const ENTRIES_AT_ONCE: usize = 4_096;

#[cfg(test)]
mod tests;
