"""Stamps: what counts as a change, what is said about it, and what a step that was cut short leaves."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.code_version import code_version
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import WORK_NOTE_VARIABLE, Step, differences, run_step


class Maker:
    """Makes one output from one table and one file, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.table, self.sound = folder / "in/table", folder / "in/sound.wav"
        self.table.parent.mkdir()
        self.table.write_text("a 1\n")
        self.sound.write_bytes(b"1234")
        self.step = Step(
            name="made",
            folder=folder / "out",
            settings={"net": {"units": 8}, "seed": 0},
            tables={"in/table": self.table},
            files={"in/sound.wav": self.sound},
            code=["weaksep.signal.units"],
            outputs=("wav.scp", "audio/*.wav"),
        )
        self.times = 0

    def work(self, shards: Shards) -> None:
        self.times += 1
        shards.begin([self.step.folder / "wav.scp"])
        shards.claims("1")([self.step.folder / "audio/a.wav"])
        (self.step.folder / "audio").mkdir(exist_ok=True)
        (self.step.folder / "audio/a.wav").write_bytes(b"sound")
        (self.step.folder / "wav.scp").write_text("a audio/a.wav\n")

    def __call__(self, force: bool = False, **changed: object) -> bool:
        return run_step(dataclasses.replace(self.step, **changed), self.work, force=force)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    made = Maker(tmp_path)
    assert made()
    return made


def test_an_output_that_can_be_spared_is_not_made_again(maker: Maker) -> None:
    (maker.step.folder / "wav.scp").unlink()
    assert not maker(spare=["wav.scp"]) and maker()


def test_nothing_changed_nothing_done(maker: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = {path: path.stat().st_mtime_ns for path in maker.step.folder.rglob("*")}
    assert not maker()
    assert maker.times == 1
    assert "made: up to date" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in maker.step.folder.rglob("*")} == before


def test_what_is_new_needs_no_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    maker = Maker(tmp_path)
    assert maker()
    maker.step.shards().open_again()  # as a run that was killed leaves it
    assert maker()
    said = [record.getMessage() for record in caplog.records if "to do" in record.getMessage()]
    assert said == ["made: to do", "made: to do (not finished yet)"]


def test_who_made_it_is_noted_and_no_reason(maker: Maker) -> None:
    assert not maker(maker={"model": "x"}) and maker(force=True, maker={"model": "x"})
    assert maker.step.shards().made().origin["maker"] == {"model": "x"} and not maker(maker={"model": "y"})
    maker.work = lambda shards: shards.begin([]) or 1 / 0  # type: ignore[method-assign]
    keys = []
    for model in ("x", "y"):
        with pytest.raises(ZeroDivisionError):
            maker(force=True, maker={"model": model})
        keys.append((maker.step.folder / ".unfinished/key").read_text())
    assert keys[0] == keys[1]  # nor is it one to begin anew


def test_force_does_it_again(maker: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert maker(force=True)
    assert maker.times == 2
    assert "made: to do (--force)" in caplog.text


def change_table(maker: Maker) -> str:
    maker.table.write_text("a 2\n")
    return "in/table has changed"


def change_sound(maker: Maker) -> str:
    maker.sound.write_bytes(b"12345")
    return "in/sound.wav has changed"


def touch_sound(maker: Maker) -> str:
    os.utime(maker.sound, ns=(1, 1))
    return "in/sound.wav has changed"


def remove_sound(maker: Maker) -> str:
    maker.sound.unlink()
    return "in/sound.wav has gone"


def remove_output(maker: Maker) -> str:
    (maker.step.folder / "audio/a.wav").unlink()
    return f"{maker.step.folder}/audio/a.wav is missing"


def truncate_output(maker: Maker) -> str:
    (maker.step.folder / "wav.scp").write_text("a")
    return f"{maker.step.folder}/wav.scp has 1 bytes instead of 14"


CHANGES = [
    change_table, change_sound, touch_sound, remove_sound, remove_output, truncate_output,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_and_is_a_reason_to_work_once(maker: Maker, change, caplog) -> None:
    caplog.set_level(logging.INFO)
    reason = change(maker)
    assert maker.step.changes() == [reason]
    assert maker()
    assert f"made: to do ({reason})" in caplog.text
    assert not maker()
    assert maker.times == 2


@pytest.mark.parametrize(
    "text",
    [
        None,
        '{"origin": {',
        '{"origin": 3, "outputs": {}}',
        '{"origin": {}, "outputs": ["wav.scp"]}',
        '{"origin": {}, "outputs": {"wav.scp": 14, "../in/table": 4}}',
        '{"origin": {}, "outputs": {"wav.scp": 14, "/etc/hosts": 4}}',
        '{"origin": {}, "outputs": {"wav.scp": 14, "thesis.docx": 4}}',
        '{"origin": {}, "outputs": {"wav.scp": 14, ".bashrc": 4}}',
    ],
)
def test_without_a_stamp_that_can_be_believed_nothing_is_ours(maker: Maker, text: str | None) -> None:
    for name in ("thesis.docx", ".bashrc"):
        (maker.step.folder / name).write_text("mine")
    maker.step.stamp.unlink() if text is None else maker.step.stamp.write_text(text)
    expected = "not finished yet" if text is None else f"{maker.step.stamp} cannot be read"
    assert maker.step.changes() == [expected]
    before = {path: path.read_bytes() for path in (*maker.step.folder.rglob("[!s]*.*"), maker.table)}
    with pytest.raises(UserError, match=r"out/wav.scp: not noted as written by weaksep; move it away"):
        maker(force=True)
    assert {path: path.read_bytes() for path in before} == before


def test_settings_are_compared_one_by_one(maker: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert maker(settings={"net": {"units": 16}, "seed": 0, "tag": "x"})
    assert 'made: to do (net.units: 8 -> 16; tag: null -> "x")' in caplog.text


def test_a_table_written_again_with_the_same_content_is_the_same(maker: Maker) -> None:
    maker.table.write_text("a 1\n")
    os.utime(maker.table, ns=(1, 1))
    assert not maker()


def test_another_code_is_a_reason_except_for_trainings(maker: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stamp = json.loads(maker.step.stamp.read_text())
    for kind in ("code", "sources"):
        stamp["origin"][kind]["weaksep.signal.units"] = "older"
    maker.step.stamp.write_text(json.dumps(stamp))
    assert not maker(keeps_with_other_code=True)
    assert "made: kept, though the code has changed since (weaksep.signal.units has changed (code))" in caplog.text
    assert maker()


def test_the_imports_that_count_are_those_that_python_sees(root: Path) -> None:
    spec = importlib.util.spec_from_file_location("floors", root / "test/test_floors.py")
    floors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(floors)
    modules = floors.modules_of(root / "weaksep")
    for name, file in modules.items():
        seen = {target for _, target in floors.imports_of(name, file, modules)} & set(modules)
        assert seen <= set(code_version([name])[0]), name


def test_the_code_of_a_step_is_all_that_it_imports() -> None:
    code, _ = code_version(["weaksep.mixtures.write"])
    assert {"weaksep.mixtures.write", "weaksep.mixtures.sampler", "weaksep.seeding", "weaksep.jobs"} <= set(code)
    assert not any(name.startswith(("weaksep.train", "weaksep.bin", "weaksep.nets")) for name in code)
    assert {"weaksep.nets.classifier", "weaksep.losses.classification"} <= set(code_version(["weaksep.train.run"])[0])
    with pytest.raises(ValueError, match="no module weaksep.nope"):
        code_version(["weaksep.nope"])


def test_a_step_cut_short_has_no_stamp_and_goes_on_with_its_shards(maker: Maker) -> None:
    def half(shards: Shards) -> None:
        shards.begin([])
        shards.claims("1")([maker.step.folder / "audio/1.wav"])
        (maker.step.folder / "audio").mkdir()
        (maker.step.folder / "audio/1.wav").write_bytes(b"1234")
        shards.save("1", {"rows": [1.5]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step(maker.step, half, force=True)
    assert not maker.step.stamp.exists() and not (maker.step.folder / "audio/a.wav").exists()
    seen = {}

    def rest(shards: Shards) -> None:
        shards.begin([])
        seen.update(done=shards.done("1"), result=shards.load("1"), other=shards.done("2"))

    assert run_step(maker.step, rest)
    assert seen == {"done": True, "result": {"rows": [1.5]}, "other": False}
    assert not maker.step.shards().path.exists()


def test_what_is_refused_before_it_begins_costs_nothing(maker: Maker) -> None:
    stamp = maker.step.stamp.read_bytes()

    def refuse(shards: Shards) -> None:
        raise UserError("no room")

    for force in (False, True):
        with pytest.raises(UserError, match="no room"):
            run_step(dataclasses.replace(maker.step, settings={"seed": 1}), refuse, force=force)
        assert maker.step.stamp.read_bytes() == stamp
    assert not maker() and (maker.step.folder / "audio/a.wav").exists()


def test_a_step_of_another_kind_does_not_know_the_folder(maker: Maker) -> None:
    told = []
    with pytest.raises(UserError, match="another step's"):

        def work(shards: Shards) -> None:
            told.append(shards.known())
            raise UserError("another step's")

        run_step(dataclasses.replace(maker.step, kind="features", settings={}), work)
    assert told == [False]


def test_shards_of_another_origin_are_not_gone_on_with(maker: Maker) -> None:
    first = maker.step.shards(key="one")
    first.begin([])
    first.claims("1")([maker.step.folder / "audio/1.wav"])
    (maker.step.folder / "audio").mkdir(exist_ok=True)
    (maker.step.folder / "audio/1.wav").write_bytes(b"1234")
    first.save("1", 1)
    second = maker.step.shards(key="two")
    second.begin([])
    assert not list(maker.step.folder.glob("[!.]*"))
    assert not second.done("1")
    first.save("1", 1)  # by a job of the run before that has not heard of its end
    assert (second.path / "1.json").exists() and not second.done("1")
    nameless = maker.step.shards()
    for _ in range(2):
        nameless.begin([])
        assert not (nameless.path / "1.json").exists(), "without a key nothing is ever gone on with"
        nameless.save("1", 1)


def test_steps_that_share_a_folder_keep_apart(maker: Maker) -> None:
    other = dataclasses.replace(maker.step, stamp_name="references.stamp.json", outputs=("src.scp",))
    shards = other.shards(key="k")
    shards.begin([])
    shards.save("1", 1)
    assert not maker()  # up to date; forgets its own shards alone
    assert shards.done("1")
    assert run_step(other, lambda shards: shards.begin([other.folder / "src.scp"]))
    assert not maker(), "the other's outputs are none of this one"


def test_a_shard_whose_files_are_gone_or_cut_is_not_done(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "key")
    shards.begin([])
    shards.claims("1")([tmp_path / "a.wav", tmp_path / "b.wav"])
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"1234")
    shards.save("1", None)
    assert shards.done("1")
    (tmp_path / "b.wav").write_bytes(b"123")
    assert not shards.done("1")
    (tmp_path / "b.wav").unlink()
    assert not shards.done("1")


def test_what_another_process_has_done_meanwhile_is_not_done_again(maker: Maker, monkeypatch) -> None:
    maker.step.shards().undo()

    @contextmanager
    def waited(folder: Path):
        monkeypatch.setattr("weaksep.fileio.stamp.folder_lock", folder_lock)
        assert maker()  # the other process, while this one waits
        yield

    monkeypatch.setattr("weaksep.fileio.stamp.folder_lock", waited)
    assert not maker()
    assert maker.times == 2


def test_a_folder_that_is_a_link_is_looked_into(maker: Maker, tmp_path: Path) -> None:
    maker.step.folder.rename(tmp_path / "elsewhere")
    maker.step.folder.symlink_to(tmp_path / "elsewhere")
    results = dataclasses.replace(maker.step, outputs=(*maker.step.outputs, "../RESULTS.md"))
    (tmp_path / "RESULTS.md").write_text("page")
    assert run_step(results, maker.work, force=True)
    assert not run_step(results, maker.work)
    assert set(json.loads(maker.step.stamp.read_text())["outputs"]) == {"audio/a.wav", "wav.scp", "../RESULTS.md"}
    (tmp_path / "elsewhere/audio/a.wav").unlink()
    assert results.changes() == [f"{maker.step.folder}/audio/a.wav is missing"]


def test_a_damaged_note_of_a_shard_is_told(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "key")
    shards.begin([])
    (tmp_path / ".unfinished/1.json").write_text("{")
    with pytest.raises(UserError, match=r"1\.json: cannot be read .* remove .*\.unfinished and run again"):
        shards.load("1")


def test_what_a_killed_process_left_is_cleared_away(maker: Maker) -> None:
    strays = [maker.step.folder / ".wav.99999.tmp.scp", maker.step.folder / "audio/.a.99999.tmp.wav"]
    for stray in strays:
        stray.write_text("half")
    maker.step.shards("k").path.mkdir()
    (maker.step.folder / ".lock").write_text("process 99999")
    assert not maker()
    assert not maker.step.shards().path.exists(), "killed between the stamp and the removal of the notes"
    assert not (maker.step.folder / ".lock").exists()
    with folder_lock(maker.step.folder):  # of somebody who works on another step of the folder
        assert not maker()
        assert (maker.step.folder / ".lock").exists()
    others = [maker.step.folder / name for name in (".a.99999.tmp.docx", ".b.99999.tmp.scp", "audio/.a.99999.tmp.flac")]
    for other in others:
        other.write_text("mine")
    maker(force=True)
    assert not any(stray.exists() for stray in strays)
    assert all(other.exists() for other in others)


def test_run_sh_is_told_of_work(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note"
    note.write_text("")
    monkeypatch.setenv(WORK_NOTE_VARIABLE, str(note))
    maker()
    assert note.read_text() == ""
    maker(force=True)
    assert note.read_text() == "worked\n"


def test_a_step_at_work_is_left_alone(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.fileio.lock.PATIENCE_S", 0.0)
    monkeypatch.setattr("weaksep.fileio.stamp.folder_lock", lambda folder, **_: folder_lock(folder, 0.0))
    with folder_lock(maker.step.folder):
        with pytest.raises(UserError, match=rf"out: process {os.getpid()} on .* works here"):
            maker(force=True)
    assert maker.step.stamp.exists()
    assert maker(force=True)


def test_differences_are_named_by_their_path() -> None:
    assert list(differences({"a": {"b": 1}}, {"a": {"b": 1}})) == []
    assert list(differences({"a": {"b": 1}}, {"a": 2})) == ['a: {"b": 1} -> 2']
    assert list(differences({"a": "x" * 99}, {})) == [f'a: "{"x" * 36}... -> null']
