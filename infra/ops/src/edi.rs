//! `crossdock edi`: files of EDI partners.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use edi::explain::{Summary, explain_from};
use edi::{Leniencies, Leniency, Options};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Prints an X12 or EDIFACT file readably, with every complaint in its place.
    ///
    /// Under each segment stands what is wrong with it: the byte in the file, the element, the codes that an acknowledgment
    /// would have. `!!` rejects, `~~` is tolerated by a leniency. The file's data are printed as they are, personal data
    /// included.
    #[command(after_help = "Examples:\n  \
        crossdock edi explain orders.x12\n  \
        crossdock edi explain --lenient white_space,byte_order_mark orders.x12\n  \
        unzip -p batch.zip | crossdock edi explain -\n\n\
        Exit codes:\n  0  nothing is rejected\n  1  something is rejected\n  2  the file cannot be read")]
    Explain(Explain),
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The file; `-` is the standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leniencies to read with, as in a partner's document; `all` for every one.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    lenient: Vec<String>,
}

pub(crate) fn run(command: &Command) -> ExitCode {
    let Command::Explain(asked) = command;
    match explain(asked) {
        Ok(Summary { complaints: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            // With no one left to tell, the exit code still tells.
            if writeln!(io::stderr(), "{why}").is_err() {
                return ExitCode::from(2);
            }
            ExitCode::from(2)
        }
    }
}

fn explain(asked: &Explain) -> Result<Summary, String> {
    let options = Options::lenient(leniencies(&asked.lenient)?);
    let place = asked.file.display();
    let file: Box<dyn Read> = if asked.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&asked.file).map_err(|why| format!("{place}: {why}"))?)
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let summary = explain_from(file, &options, &mut |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    })
    .map_err(|why| format!("{place}: {why}"))?;
    let Summary { interchanges, sets, complaints, tolerated } = summary;
    written
        .and_then(|()| {
            writeln!(
                out,
                "interchanges: {interchanges}, sets: {sets}, complaints: {complaints}, tolerated: {tolerated}"
            )
        })
        .and_then(|()| out.flush())
        .map_err(|why| format!("the answer cannot be written: {why}"))?;
    Ok(summary)
}

fn leniencies(names: &[String]) -> Result<Leniencies, String> {
    if names.iter().any(|name| name == "all") {
        return Ok(Leniencies::all());
    }
    names
        .iter()
        .map(|name| {
            name.parse::<Leniency>().map_err(|why| {
                let known: Vec<&str> = Leniency::ALL.iter().map(|leniency| leniency.name()).collect();
                format!("{name}: {why}; there are {}", known.join(", "))
            })
        })
        .collect()
}
