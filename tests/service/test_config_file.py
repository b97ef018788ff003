"""The settings of `darkroom.toml` are read, and each fault is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.config_file import default_file, read_config


def faults(tmp_path: Path, text: str) -> list[str]:
    """Returns what is said of a file, each without the file's path."""
    path = tmp_path / "darkroom.toml"
    path.write_text(text)
    return [fault.removeprefix(str(path)).removeprefix(", ").removeprefix(": ") for fault in read_config(path).faults]


NO_SECRET = "no secret may stand in this file; put it into one of its own, which database_password_file names"
TEXT = """# Words.
port = 9000
max_queued_s = 5
exact = true
data_dir = "~/data"
require_keys = false
admin_port = 0
models = [
  "bundled",  # port = 1
  "/models",
]
allowed_hosts = "a.example,b.example"
database_url = "postgresql://me@db/jobs"

[model_aliases]
dall-e-3 = "bundled"
"house style" = "anime"

[shares]
shop = 3
"lab" = 0.5
"""


def test_settings_are_read_in_the_forms_of_variables_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "darkroom.toml"
    path.write_text(TEXT)
    found = read_config(path)

    assert found.faults == ()
    assert found.values == {
        "port": 9000,
        "max_queued_s": 5,
        "exact": True,
        "data_dir": "~/data",
        "require_keys": False,
        "admin_port": 0,
        "models": "bundled,/models",
        "allowed_hosts": "a.example,b.example",
        "database_url": "postgresql://me@db/jobs",
        "model_aliases": "dall-e-3=bundled,house style=anime",
        "shares": "shop=3,lab=0.5",
    }
    lines = TEXT.split("\n")
    assert {name: lines[line - 1].strip("[]").split()[0] for name, line in found.lines.items()} == {
        name: name for name in found.values
    }


def test_models_may_have_names(tmp_path: Path) -> None:
    path = tmp_path / "darkroom.toml"
    path.write_text('[models]\nanime = "/models/x.safetensors"\nplain = "bundled"\n')
    assert read_config(path).values == {"models": "anime=/models/x.safetensors,plain=bundled"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nprot = 9000", "line 2: prot is not a setting of Darkroom; did you mean port?"),
        ("max-rows = 4", "line 1: max-rows is not a setting of Darkroom; did you mean max_rows?"),
        ("DARKROOM_PORT = 4", "line 1: DARKROOM_PORT is not a setting of Darkroom; did you mean port?"),
        ("[zzzzzz]\nport = 4", "line 1: zzzzzz is not a setting of Darkroom"),
        ('config = "other.toml"', "line 1: config is not a setting of Darkroom"),
        ('port = "9000"', "line 1: port: Input should be a valid integer"),
        ("port = 70000", "line 1: port: Input should be less than or equal to 65535"),
        ("port = true", "line 1: port: Input should be a valid integer"),
        ("port = [\n 1 ]", "line 1: port: must be a single value"),
        ("port = 1979-05-27", "line 1: port: must be a single value"),
        ("exact = 1", "line 1: exact: Input should be a valid boolean"),
        ("max_queued_s = inf", "line 1: max_queued_s: Input should be a finite number"),
        ("data_dir = 1", "line 1: data_dir: Input should be a valid string"),
        ('log_level = "loud"', "line 1: log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ("models = {}\nhost = {}", "line 2: host: must be a single value or an array of strings"),
        ("models = [1]", "line 1: models: must be an array of strings, without commas in them"),
        ('models = ["a,b"]', "line 1: models: must be an array of strings, without commas in them"),
        ("[models]\na = 1", "line 2: models.a: must be a string"),
        ('[models]\na = "b"\nc = "d,e"', "line 3: models.c: there may be no comma and no equals sign in it"),
        ("shares = 3", "line 1: shares: Input should be a valid string"),
        ("shares = [3]", "line 1: shares: must be a single value or a table"),
        ('[shares]\nshop = "3"', "line 2: shares.shop: must be a number"),
        ("[shares]\nshop = true", "line 2: shares.shop: must be a number"),
        (
            "[shares]\nshop = 3\nthreads = 4",
            "line 3: shares.threads: this is a setting, which must stand above the first table of the file",
        ),
        ('database_url = "postgresql://me:cAnArY7@db/jobs"', f"line 1: database_url: {NO_SECRET}"),
        ('database_url = "postgresql://me:cAnA/rY7@db/jobs"', f"line 1: database_url: {NO_SECRET}"),
        ('database_url = "postgresql://me@db/jobs?password=cAnArY7"', f"line 1: database_url: {NO_SECRET}"),
        ('database_url = "cAnArY7"', f"line 1: database_url: {NO_SECRET}"),
        (
            "[shares]\nshop = 0",
            "line 1: shares: A weight must be a number from 0.001 to 1000, such as in shop=3,lab=0.5.",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_the_nearest_name(tmp_path: Path, text: str, said: str) -> None:
    assert said in faults(tmp_path, text)


def test_all_that_is_wrong_is_told_at_once_and_no_value_is_repeated(tmp_path: Path) -> None:
    told = faults(tmp_path, 'port = "cAnArY7"\nprot = "cAnArY7"\nmax_rows = 1\ntext = """\nport = 1\n"""\nexact = 2\n')
    assert [each.partition(":")[0] for each in told] == ["line 1", "line 2", "line 3", "line 4", "line 7"]
    assert "cAnArY7" not in "".join(told)


def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, "port = 1\nport = 2\n")
    assert "line 2" in told
    (told,) = faults(tmp_path, "port 1\n")
    assert "line 1" in told


def test_a_file_that_cannot_be_read_or_trusted_is_a_fault(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert read_config(missing).faults == (f"{missing} cannot be read (No such file or directory).",)
    assert read_config(tmp_path).faults == (f"{tmp_path} cannot be read (Is a directory).",)
    (tmp_path / "open.toml").touch()
    (tmp_path / "open.toml").chmod(0o666)
    assert "Everybody may write" in read_config(tmp_path / "open.toml").faults[0]


def test_a_file_that_was_not_named_must_not_be_another_users(tmp_path: Path) -> None:
    path = tmp_path / "darkroom.toml"
    path.write_text("port = 1")
    owner = path.stat().st_uid
    assert read_config(path, owners=(owner, 0)).values == {"port": 1}
    (fault,) = read_config(path, owners=(owner + 1,)).faults
    assert fault == f"{path} belongs to another user: to use it all the same, name it with --config."


def test_the_file_of_the_folder_is_found_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_file() is None
    Path("darkroom.toml").touch()
    assert default_file() == Path("darkroom.toml")
