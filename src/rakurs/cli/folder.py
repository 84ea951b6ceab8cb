"""What `rakurs read --out` leaves behind: a folder per study, finished when its reading.json is there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import rakurs
from rakurs.cli.answer import Answer, answer, document_of, full_images
from rakurs.cli.disk import write_whole, writing
from rakurs.cli.report import report_html
from rakurs.cli.sources import BY_HEADER, Files
from rakurs.inference.document import Document, shown_path, whole_document
from rakurs.inference.overlay import overlay_png
from rakurs.inference.read import Reader
from rakurs.pack import Pack, digest_of
from rakurs.study import Image, Reading

FINISHED = "reading.json"
LONGEST_STEM = 60
"""Characters of a file's name in its folder's: at four bytes each, with the digest, it stays under 255."""

Overlays = Mapping[tuple[str, str], str]
"""The name of the picture of (view, label)."""


def answer_into(out: Path, files: Files, *, reader: Reader, resume: bool) -> Document:
    """Read a study and write its folder below `out`, or, with `resume`, take the reading that is finished there.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        made_from = _made_from(files, reader.pack)
    except OSError:  # a file that cannot be opened: reading says so, and without its digest there is no folder
        return document_of(answer(reader, files))
    folder = out / _folder_name(files, made_from["files"])
    if resume and (finished := _finished(folder, reader.pack, made_from=made_from)):
        return _placed(_renamed(finished, files), folder)
    answered = answer(reader, files)
    with writing(out):
        return _placed(_write(folder, answered, pack=reader.pack, made_from=made_from), folder)


def _write(folder: Path, answered: Answer, *, pack: Pack, made_from: Mapping[str, Any]) -> Document:
    """Write the pictures, the report and, last, the reading; the names of the pictures are within the folder."""
    folder.mkdir(exist_ok=True)
    _clear(folder)
    images: dict[str, Image] = {}
    overlays: Overlays = {}
    if isinstance(answered.outcome, Reading):
        images = full_images(answered)
        overlays = _write_overlays(folder, answered.outcome, images=images)
    document = document_of(answered, overlays=overlays)
    page = report_html(document, pack=pack, answered=answered, images=images, when=datetime.now().astimezone())
    write_whole(folder / "report.html", page.encode())
    content = {**whole_document(pack, [document]), "made_from": made_from}
    write_whole(folder / FINISHED, json.dumps(content, indent=1, allow_nan=False).encode())
    return document


def _clear(folder: Path) -> None:
    """Take the mark of an earlier reading away, then its pictures, of which this one may have fewer."""
    earlier = _content(folder)
    (folder / FINISHED).unlink(missing_ok=True)
    for reading in earlier.get("readings", []):
        for finding in reading.get("findings", []):
            for name in filter(None, finding["heat_maps"].values()):
                (folder / Path(name).name).unlink(missing_ok=True)


def _write_overlays(folder: Path, reading: Reading, *, images: Mapping[str, Image]) -> Overlays:
    """One picture per view and finding; none for an empty map, which has nothing to show."""
    overlays = {}
    for finding in reading.findings:
        for view, heat_map in finding.heat_maps.items():
            if not heat_map.empty:
                overlays[view, finding.label] = f"{view}-{finding.label}.png"
                write_whole(folder / overlays[view, finding.label], overlay_png(images[view], heat_map))
    return overlays


def _made_from(files: Files, pack: Pack) -> dict[str, Any]:
    """Everything that decides about a reading: it holds for as long as none of this changes.

    Raises:
        OSError: a file cannot be opened.
    """
    declared = [path for name in ("task.toml", "measured.json") if (path := pack.folder / name).is_file()]
    return {
        "rakurs": rakurs.__version__,
        "files": {view: digest_of(path) for view, path in files.items()},
        "pack": {path.name: digest_of(path) for path in declared},
    }


def _folder_name(files: Files, digests: Mapping[str, str]) -> str:
    """The first file's name, made safe, and a digest of the files, so that equal names never meet."""
    stem = re.sub(r"[^\w.-]+", "_", shown_path(Path(next(iter(files.values())).stem))).lstrip(".")[:LONGEST_STEM]
    digest = next(iter(digests.values())).removeprefix("sha256:")
    if set(digests) != {BY_HEADER}:
        digest = hashlib.sha256("\n".join(f"{view}={digests[view]}" for view in sorted(digests)).encode()).hexdigest()
    return f"{stem or 'film'}-{digest[:12]}"


def _finished(folder: Path, pack: Pack, *, made_from: Mapping[str, Any]) -> Document | None:
    """The reading in `folder`, if it is finished and was made from the same files and pack by the same program."""
    content = _content(folder)
    expected = {**whole_document(pack, []), "made_from": made_from}
    if not content or {**content, "readings": []} != expected:
        return None
    reading: Document = content["readings"][0]
    return reading


def _content(folder: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / FINISHED).read_bytes())
    except (OSError, ValueError):
        return {}
    return content


def _renamed(reading: Document, files: Files) -> Document:
    """The reading with the paths by which its files were named this time."""
    paths = {view: files.get(view) or files[BY_HEADER] for view in reading["files"]}
    return {**reading, "files": {view: shown_path(path) for view, path in paths.items()}}


def _placed(reading: Document, folder: Path) -> Document:
    """The reading with the names of its pictures as paths."""
    if reading["state"] != "read":
        return reading
    findings = [
        {
            **finding,
            "heat_maps": {
                view: shown_path(folder / name) if name else None for view, name in finding["heat_maps"].items()
            },
        }
        for finding in reading["findings"]
    ]
    return {**reading, "findings": findings}
