"""Trainings before the chapters: they are kept where the chapters look, and failures stop nothing."""

from chapters import contents
from chapters.book import shared
from qbref import lab


def test_trainings_are_kept_for_the_chapters(tmp_path, monkeypatch):
    monkeypatch.setenv("QBREF_CACHE", str(tmp_path))
    monkeypatch.setenv("QBREF_QUICK", "1")
    shared.train(["digits_cnn"], quick=True)
    assert lab.digits_cnn().was_kept
    shared.train(["nothing_of_that_name"])
    assert len(list(tmp_path.iterdir())) == 1


def test_the_contents_name_functions_of_the_lab():
    assert contents.TRAININGS and all(callable(getattr(lab, name)) for name in contents.TRAININGS)
