"""`rakurs read`: findings for films, as a table, JSON, CSV, and a folder of reports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rakurs.errors import RakursError, UsageError

if TYPE_CHECKING:
    from rakurs.cli.sources import Files
    from rakurs.inference.document import Document
    from rakurs.inference.read import Reader
    from rakurs.pack import Pack

SOME_REFUSED = 1
PROGRESS_AFTER_S = 3.0
Show = Callable[["Document"], None]


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--recursive", "-r", is_flag=True, help="Go into the folders of folders too.")
@click.option("--pack", "pack_name", default="chest-xray", show_default=True, help="A pack's name, or its folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a report and pictures per study into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write a row per study and finding.")
@click.option("--jobs", type=click.IntRange(min=1), help="Threads.  [default: one per core]")
@click.option("--resume", is_flag=True, help="With --out: take the readings that are finished there.")
def read(
    *,
    sources: tuple[str, ...],
    recursive: bool,
    pack_name: str,
    out: Path | None,
    as_json: bool,
    csv_file: Path | None,
    jobs: int | None,
    resume: bool,
) -> None:
    """Read films: how likely each finding is, and where it shows.

    SOURCES are image files (DICOM, PNG, JPEG, TIFF ...), folders of them, or view=path pairs. Each file is a study of
    its own, also DICOM files of one patient; its view is the one that its header names, else the pack's first required
    one. The pairs of one call form one study.

    \b
    Examples:
      rakurs read film.dcm
      rakurs read frontal=pa.dcm lateral=ll.dcm --out readings
      rakurs read archive --recursive --out readings --resume --csv findings.csv

    Into --out goes a folder per study: report.html, a picture <view>-<label>.png per finding (none where nothing in the
    view speaks for it) and, last, reading.json. A study whose folder has one is finished; --resume does not read it
    again as long as its files, the pack and the version of Rakurs are the same.

    The exit code is 0 when everything was read, 1 when some of it was refused, 2 for a call that cannot be followed,
    and 130 when it was interrupted (the JSON document then stays open, and so invalid).
    """
    from rakurs.cli.disk import make_folder
    from rakurs.cli.sources import check_out, check_sources, studies_in
    from rakurs.inference.read import load_reader
    from rakurs.pack import find_pack, read_pack

    if resume and out is None:
        raise UsageError("Got --resume without --out; expected the folder in which the finished readings are.")
    pack = read_pack(find_pack(pack_name))
    check_sources(sources, pack.task)
    if out is not None:
        check_out(out, sources, recursive=recursive)
        make_folder(out)
    written = [path for path in (out, csv_file) if path is not None]
    count = sum(1 for _ in studies_in(sources, recursive=recursive, without=written))
    if count == 0:
        raise UsageError("There is no file in these folders; --recursive also looks into the folders within.")
    studies = studies_in(sources, recursive=recursive, without=written)
    jobs = jobs or cores()
    reader = load_reader(pack, threads=jobs if count == 1 else 1)
    answers = _answers(reader, studies, jobs=min(jobs, count), out=out, resume=resume)
    with ExitStack() as stack:
        shows = [stack.enter_context(show) for show in _outputs(pack, as_json=as_json, csv_file=csv_file)]
        refused = _show_all(stack.enter_context(closing(answers)), shows, count=count)
    click.get_current_context().exit(SOME_REFUSED if refused else 0)


def cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answers(
    reader: Reader, studies: Iterable[Files], *, jobs: int, out: Path | None, resume: bool
) -> Generator[Document]:
    """The readings of the studies, in their order; a study's fault is told in its place."""
    from rakurs.cli.answer import fault_document
    from rakurs.inference.ordered import in_order

    read_one = _one_study(reader, out=out, resume=resume)

    def work(files: Files) -> Document:
        try:
            return read_one(files)
        except RakursError:
            raise
        except Exception as error:  # a fault of ours in one film must not lose the other 99,999
            return fault_document(error, files, task=reader.pack.task)

    yield from in_order(work, studies, jobs=jobs)


def _one_study(reader: Reader, *, out: Path | None, resume: bool) -> Callable[[Files], Document]:
    """How one study is read; what writes reports is imported only where one is wanted."""
    if out is None:
        from rakurs.cli.answer import answer, document_of

        return lambda files: document_of(answer(reader, files))
    from rakurs.cli.folder import answer_into

    return lambda files: answer_into(out, files, reader=reader, resume=resume)


def _outputs(pack: Pack, *, as_json: bool, csv_file: Path | None) -> Iterator[AbstractContextManager[Show]]:
    if csv_file is not None:
        from rakurs.cli.sheet import sheet

        yield sheet(csv_file)  # first, so that nothing is printed when the file cannot be written
    if as_json:
        yield _json_document(pack)
    else:
        from rakurs.cli.table import tables

        yield tables(pack)


@contextmanager
def _json_document(pack: Pack) -> Iterator[Show]:
    """Print one document, a reading per line as they come; it stays open when the work is cut off."""
    from rakurs.cli.disk import printing
    from rakurs.inference.document import whole_document

    def say(text: str) -> None:
        with printing():
            click.echo(text, nl=False)

    head, tail = json.dumps(whole_document(pack, [])).rsplit("]", 1)
    say(head)
    separators = chain(["\n"], repeat(",\n"))
    yield lambda reading: say(next(separators) + json.dumps(reading, allow_nan=False))
    say(f"\n]{tail}\n")


def _show_all(answers: Iterable[Document], shows: Sequence[Show], *, count: int) -> int:
    """Show every reading as it comes; how many were refused."""
    from rakurs.cli.progress import report_progress

    refused = 0
    with report_progress(after_s=PROGRESS_AFTER_S) as progress:
        progress("Reading", 0, count)
        for done, reading in enumerate(answers, start=1):
            for show in shows:
                show(reading)
            refused += reading["state"] == "refused"
            progress("Reading", done, count)
    return refused
