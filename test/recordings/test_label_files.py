"""Label files of several makers, and what is said of those that are wrong."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.datadir import EventLabel
from weaksep.recordings.audioset import is_segment_list, read_segments
from weaksep.recordings.jams import read_jams
from weaksep.recordings.match import read_label_files
from weaksep.recordings.tables import read_table

read_clip_labels, read_events = partial(read_table, timed=False), partial(read_table, timed=True)


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_dcase_weak_labels(tmp_path: Path) -> None:
    found = read_clip_labels(text(tmp_path / "weak.tsv", "filename\tevent_labels\na.wav\tSpeech,Dog\nb.wav\t\n"))
    assert [(entry.names, entry.clip_labels) for entry in found] == [(("a.wav",), ("Speech", "Dog")), (("b.wav",), ())]
    assert found[1].place.endswith("weak.tsv:3")


def test_fsd50k_ground_truth_has_quotes_and_a_split(tmp_path: Path) -> None:
    content = 'fname,labels,mids,split\n64760,"Guitar,Music","/m/0,/m/1",train\n16399,Bark,/m/2,val\n'
    found = read_clip_labels(text(tmp_path / "dev.csv", content))
    assert [(e.names[0], e.clip_labels, e.set_name) for e in found] == [
        ("64760", ("Guitar", "Music"), "train"),
        ("16399", ("Bark",), "valid"),
    ]


@pytest.mark.parametrize("name", ["clip_labels.tsv", "labels.txt", "labels.csv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_first_line_tells_the_separator(tmp_path: Path, name: str, separator: str) -> None:
    cell = '"Speech,Dog"' if separator == "," else "Speech,Dog"
    lines = ["filename,event_labels,set", f"a.wav,{cell},train", "b.wav,Horn,test"]
    content = "\n".join(line.replace(",", separator) if cell not in line else f"a.wav{separator}{cell}{separator}train"
                        for line in lines)  # fmt: skip
    found = read_clip_labels(text(tmp_path / name, content + "\n"))
    assert [(e.names[0], e.clip_labels, e.set_name) for e in found] == [
        ("a.wav", ("Speech", "Dog"), "train"),
        ("b.wav", ("Horn",), "test"),
    ]


def test_labels_without_their_quotes(tmp_path: Path) -> None:
    content = "filename,event_labels\na.wav,Speech,Dog\n"
    what = r"clip_labels.tsv:2: 3 cells, the header has 2 \(read as separated by commas\)"
    with pytest.raises(UserError, match=f'{what}; a cell that holds a , stands in quotes: "Speech,'):
        read_clip_labels(text(tmp_path / "clip_labels.tsv", content))
    with pytest.raises(UserError, match=rf"\(1 problem\):\n.*{what}, and so on in 40 lines below; a cell"):
        read_clip_labels(text(tmp_path / "clip_labels.tsv", content + "b.wav,Speech,Dog\nc.wav,Horn\n" * 40))


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        ("filename\tlabels\n", "{}.wav,dog\n", "look separated by commas and are read as separated by tabs"),
        ("filename\tlabels\n", "{}.wav;dog, cat\n", "look separated by semicolons and are read as separated by tabs"),
        ("filename,labels\n", "{}.wav\tdog,cat\n", "look separated by tabs and are read as separated by commas"),
        ("filename;labels\n", "{}.wav,dog\n", "look separated by commas and are read as separated by semicolons"),
        ("# YTID, start_seconds\n", "{},0,10\t/m/0\n", ""),
        ("# YTID, start_seconds\n", "{}\t0\t10\t/m/0\n", "look separated by tabs and are read as separated by commas"),
        ("filename,labels\n", "{}.wav,\tdog\n", ""),
        ("filename\tlabels\n", "{}, left.wav\tdog\n", ""),
        ("filename,labels\n", "{};1.wav,dog\n", ""),
    ],
)
def test_lines_that_are_separated_otherwise_than_the_header(tmp_path: Path, header: str, line: str, said: str) -> None:
    path = text(tmp_path / "labels.csv", header + "".join(line.format(number) for number in range(30)))
    if said:
        with pytest.raises(UserError) as error:
            read_label_files(path, None)
        assert str(error.value) == f"{path}: its lines {said}; use the same from the first line on"
    elif "# YTID" in header:
        with pytest.raises(UserError, match="labels.csv:2: expected YTID"):
            read_label_files(path, None)
    else:
        assert len(read_label_files(path, None)) == 30


def test_a_line_for_each_label(tmp_path: Path) -> None:
    found = read_clip_labels(text(tmp_path / "l.tsv", "file\tlabel\trecording\na\tdog\tr1\na\thorn\tr1\n"))
    assert [(e.clip_labels, e.recording) for e in found] == [(("dog", "horn"), "r1")]


def test_dcase_strong_labels(tmp_path: Path) -> None:
    content = "filename\tonset\toffset\tevent_label\na.wav\t0.5\t1.25\tdog\na.wav\t1\t2\thorn\nb.wav\t\t\t\n"
    found = read_events(text(tmp_path / "strong.tsv", content))
    assert found[0].events == (EventLabel(0.5, 1.25, "dog"), EventLabel(1.0, 2.0, "horn"))
    assert (found[1].names, found[1].events) == (("b.wav",), ())


def test_audioset_strong_labels(tmp_path: Path) -> None:
    content = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nb0RFKhbpFJA_30000\t0.000\t10.000\t/m/03m9d0z\n"
    found = read_events(text(tmp_path / "s.tsv", content))
    assert found[0].events == (EventLabel(0.0, 10.0, "/m/03m9d0z"),)
    assert (found[0].span_s, found[0].recording) == ((30.0, 40.0), "b0RFKhbpFJA")
    assert {"b0RFKhbpFJA_30000", "Yb0RFKhbpFJA_30.000_40.000", "b0RFKhbpFJA_30_40"} <= set(found[0].names)
    assert found[0].whole_names == ("b0RFKhbpFJA", "Yb0RFKhbpFJA")


def test_ids_that_are_not_audiosets_are_file_names(tmp_path: Path) -> None:
    content = "segment_id,onset,offset,label\nr_1.wav,0,1,dog\nmonday,0,1,dog\n"
    found = read_events(text(tmp_path / "s.csv", content))
    assert [(e.names, e.whole_names, e.span_s) for e in found] == [(("r_1.wav",), (), None), (("monday",), (), None)]
    named = text(tmp_path / "f.csv", content.replace("segment_id", "filename").replace("r_1.wav", "r_1"))
    assert [(e.names, e.span_s) for e in read_events(named)] == [(("r_1",), None), (("monday",), None)]


def test_events_have_set_and_recording(tmp_path: Path) -> None:
    header, end = "filename\tonset\toffset\tlabel\tset\trecording\n", "a.wav\t\t\t\t\t\n"
    found = read_events(text(tmp_path / "e.tsv", f"{header}a.wav\t0\t1\tdog\teval\tr1\nb.wav\t\t\t\ttrain\t\n{end}"))
    assert [(e.set_name, e.recording, len(e.events)) for e in found] == [("test", "r1", 1), ("train", None, 0)]


@pytest.mark.parametrize(("column", "first", "second"), [("set", "train", "test"), ("recording", "r1", "r2")])
def test_lines_that_differ_about_a_recording(tmp_path: Path, column: str, first: str, second: str) -> None:
    events = f"filename\tonset\toffset\tlabel\t{column}\na\t0\t1\tdog\t{first}\na\t1\t2\tdog\t{second}\n"
    with pytest.raises(UserError, match=f"e.tsv:3: a has the {column} {second}, at .*e.tsv:2 {first}; leave one"):
        read_events(text(tmp_path / "e.tsv", events))
    labels = f"filename\tlabel\t{column}\na\tdog\t{first}\na\thorn\t{second}\n"
    with pytest.raises(UserError, match=f"t.tsv:3: a has the {column} {second}"):
        read_clip_labels(text(tmp_path / "t.tsv", labels))


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["train", "dev", "test"], ["train", "valid", "test"]),
        (["training", "development"], ["train", "valid"]),
        (["dev", "eval"], ["train", "test"]),
        (["train", "dev", "val", "test"], ["train", "train", "valid", "test"]),
        (["dev", "valid"], ["train", "valid"]),
    ],
)
def test_what_dev_means(tmp_path: Path, names: list[str], meant: list[str]) -> None:
    lines = [f"{number}.wav\tdog\t{name}" for number, name in enumerate(names)]
    labels = text(tmp_path / "t.tsv", "\n".join(["filename\tlabel\tset", *lines]) + "\n")
    assert [entry.set_name for entry in read_label_files(labels, None)] == meant
    timed = [line.replace("\t", "\t0\t1\t", 1) for line in lines]
    events = text(tmp_path / "e.tsv", "\n".join(["filename\tonset\toffset\tlabel\tset", *timed]) + "\n")
    assert [entry.set_name for entry in read_label_files(None, events)] == meant
    some = text(tmp_path / "some.tsv", "\n".join(["filename\tonset\toffset\tlabel\tset", timed[1]]) + "\n")
    assert [entry.set_name for entry in read_label_files(labels, some)] == [
        *meant,
        meant[1],
    ]  # one meaning for both files


def test_audioset_segments(tmp_path: Path) -> None:
    content = "# Segments csv created\n# YTID, start_seconds, end_seconds, positive_labels\n"
    path = text(tmp_path / "eval.csv", content + '--4g, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n')
    assert is_segment_list(path)
    (found,) = read_segments(path)
    assert (found.span_s, found.clip_labels, found.recording) == ((0.0, 10.0), ("/m/068hy", "/m/07q6cd_"), "--4g")
    assert {"--4g_0_10", "--4g_0", "--4g_0.000_10.000"} <= set(found.names)
    assert found.whole_names == ("--4g", "Y--4g")


def jams(path: Path, **annotations: list) -> Path:
    parts = [{"namespace": name, "data": data} for name, data in annotations.items()]
    return text(path, json.dumps({"file_metadata": {"title": ""}, "annotations": parts}))


def test_jams_of_clip_labels_and_of_events(tmp_path: Path) -> None:
    entry = {"time": 0.5, "duration": 1.0, "confidence": 1}
    jams(tmp_path / "a.jams", tag_open=[{**entry, "value": "dog"}])
    scaper = [
        {**entry, "value": {"label": "horn", "role": "foreground"}},
        {**entry, "value": {"label": "street", "role": "background"}},
    ]
    jams(tmp_path / "b.jams", scaper=scaper)
    labelled, timed = read_jams(tmp_path)
    assert (labelled.names, labelled.clip_labels, labelled.events) == (("a",), ("dog",), None)
    assert (timed.names, timed.clip_labels, timed.events) == (("b",), None, (EventLabel(0.5, 1.5, "horn"),))


def test_old_jams_write_by_column(tmp_path: Path) -> None:
    path = jams(tmp_path / "a.jams", segment_open={"time": [1.0], "duration": [2.0], "value": ["dog"]})
    assert read_jams(path)[0].events == (EventLabel(1.0, 3.0, "dog"),)


def test_jams_of_other_namespaces(tmp_path: Path) -> None:
    entry, other = {"time": 0.5, "duration": 1.0}, {"time": [0.0], "duration": [9.0]}  # without values
    path = jams(
        tmp_path / "a.jams", tempo=[{**entry, "value": 120.0}], tag_open=[{**entry, "value": "dog"}], chord=other
    )
    assert [entry.clip_labels for entry in read_jams(path)] == [("dog",)]


def test_jams_without_an_annotation_of_ours(tmp_path: Path) -> None:
    jams(tmp_path / "a.jams", tempo=[{"time": 0.0, "duration": 1.0, "value": 120.0}])
    jams(tmp_path / "b.jams")
    jams(tmp_path / "c.jams", tag_open=[])
    with pytest.raises(UserError, match=r"\(2 problems\)") as error:
        read_jams(tmp_path)
    assert "a.jams: not a JAMS file of clip labels or events" in str(error.value) and "namespaces: tempo" in str(
        error.value
    )
    assert "b.jams: not a JAMS file of clip labels or events" in str(error.value) and "namespaces: none" in str(
        error.value
    )


def test_jams_of_recordings_where_nothing_is_heard(tmp_path: Path) -> None:
    jams(tmp_path / "a.jams", tag_open=[])
    jams(tmp_path / "b.jams", sound_event=[])
    labelled, timed = read_jams(tmp_path)
    assert (labelled.names, labelled.clip_labels, labelled.events) == (("a",), (), None)
    assert (timed.names, timed.clip_labels, timed.events) == (("b",), None, ())


def test_quotes_left_open(tmp_path: Path) -> None:
    lines = ["fname,labels", '1,"Guitar,Music', "2,Bark", '3,"Bark"s', '4,"Bark,Dog"', '5,a 5" pipe']
    path = text(tmp_path / "dev.csv", "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"\(2 problems\)") as error:
        read_clip_labels(path)
    assert "dev.csv:2: no CSV (unexpected end of data)" in str(error.value) and "dev.csv:4: no CSV" in str(error.value)
    found = read_clip_labels(text(path, "\n".join([lines[0], *lines[4:]]) + "\n"))
    assert [entry.clip_labels for entry in found] == [("Bark", "Dog"), ('a 5" pipe',)]


def test_a_row_of_two_lines(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dev.csv:2: no CSV"):
        read_clip_labels(text(tmp_path / "dev.csv", 'fname,labels\n1,"Guitar,\nMusic"\n2,Bark\n'))


def test_quotes_left_open_in_a_segment_list(tmp_path: Path) -> None:
    lines = ['# "YTID, start_seconds', 'abc, 0, 10, "/m/0,/m/1', 'abd, 0, 10, "/m/0" ', 'abe, 0, 10, "/m/0']
    path = text(tmp_path / "a.csv", "\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"\(2 problems\)") as error:
        read_segments(path)
    assert "a.csv:2: no CSV" in str(error.value) and "a.csv:4: no CSV" in str(error.value)
    assert [entry.clip_labels for entry in read_segments(text(path, "\n".join(lines[:1] + lines[2:3]) + "\n"))] == [
        ("/m/0",)
    ]


def test_a_cell_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dev.csv:2: no CSV"):
        read_clip_labels(text(tmp_path / "dev.csv", f"fname,labels\n1,{'a' * 200_000}\n"))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("e.tsv", "", "empty; its first line must name its columns"),
        ("h.tsv", "name\tlabel\n", ":1: no column filename or file"),
        ("c.tsv", "filename\tevent_labels\na.wav\n", ":2: 1 cells, the header has 2"),
        ("s.tsv", "filename\tlabels\tset\na\tdog\ttran\n", ":2: set 'tran' is none of"),
        ("o.tsv", "filename\tonset\toffset\tevent_label\n", "a table of events; give it by --events"),
        ("n.tsv", "filename\tlabels\n\tdog\n", ":2: no file name"),
    ],
)
def test_wrong_clip_labels(tmp_path: Path, name: str, content: str, what: str) -> None:
    with pytest.raises(UserError) as error:
        read_clip_labels(text(tmp_path / name, content))
    assert what in str(error.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("filename\tlabel\n", "no columns onset and offset: clip labels; give it by --clip-labels"),
        ("filename\tonset\toffset\tlabel\na\t2\t1\tdog\n", ":2: onset 2 to offset 1 is no span of time"),
        ("filename\tonset\toffset\tlabel\na\t1\t1e306\tdog\n", ":2: onset 1 to offset 1e306 is no span of time"),
        ("filename\tonset\toffset\tlabel\na\t1\tx\tdog\n", ":2: onset '1', offset 'x' are not seconds"),
        ("filename\tonset\toffset\tlabel\na\t1\t2\t\n", ":2: an event without a label"),
    ],
)
def test_wrong_events(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(UserError) as error:
        read_events(text(tmp_path / "events.tsv", content))
    assert what in str(error.value)


def test_all_that_is_wrong_with_a_table_is_told_at_once(tmp_path: Path) -> None:
    lines = [
        "fname,labels,split",
        "1,Bark,train",
        '2,"Bark,train',
        "3,Bark",
        "4,Bark,tran",
        ",Bark,train",
        "1,Bark,test",
    ]
    with pytest.raises(UserError, match=r"\(5 problems\)") as error:
        read_clip_labels(text(tmp_path / "dev.csv", "\n".join(lines) + "\n"))
    told = ["3: no CSV", "4: 2 cells", "5: set 'tran'", "6: no file name", "7: 1 has the set test, at"]
    assert all(f"dev.csv:{line}" in str(error.value) for line in told)


@pytest.mark.parametrize("content", ["{", "[]", '{"annotations": [{"namespace": "tag_open", "data": [{"value": 3}]}]}'])
def test_no_jams(tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError, match="not a JAMS file"):
        read_jams(text(tmp_path / "a.jams", content))


def test_wrong_segments_are_listed_together(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "# YTID, start_seconds\nabc, 1, 0, /m/0\nabc\n")
    with pytest.raises(UserError) as error:
        read_segments(path)
    assert "a.csv:2: onset 1 to offset 0" in str(error.value) and "a.csv:3: expected YTID" in str(error.value)
