"""`import cebra` and `python -m cebra_ethan.compat`."""

import subprocess
import sys
import types

import pytest

from cebra_ethan.compat import install, uninstall


@pytest.fixture
def installed():
    install()
    yield
    uninstall()


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "cebra_ethan.compat", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.usefixtures("installed")
def test_installed_names_are_found_by_every_kind_of_import():
    import cebra
    import cebra.data.single_session as single
    import cebra.integrations.sklearn.metrics
    from cebra import CEBRA, KNNDecoder
    from cebra.models.criterions import InfoNCE

    assert CEBRA.__module__ == "cebra_ethan.compat.adapters.estimator"
    assert single is cebra.data.single_session
    assert cebra.sklearn.metrics.infonce_loss is cebra.integrations.sklearn.metrics.infonce_loss
    assert KNNDecoder.__module__.startswith("cebra_ethan.")
    assert InfoNCE is cebra.models.InfoNCE
    assert cebra.__version__.startswith("0.6.1+")


@pytest.mark.usefixtures("installed")
def test_an_import_of_what_is_not_here_says_why():
    with pytest.raises(ImportError, match=r"cebra.RidgeRegressor is not in .* \(fault 18\)"):
        from cebra import RidgeRegressor  # noqa: F401
    with pytest.raises(ImportError, match="load_data"):
        from cebra.data import read_hdf  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"cebra\.nonsense"):
        import cebra.nonsense  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        from cebra import nonsense  # noqa: F401


def test_uninstall_leaves_nothing_behind():
    before, finders = set(sys.modules), list(sys.meta_path)
    install()
    install()  # twice is once
    assert set(sys.modules) - before
    uninstall()
    assert set(sys.modules) == before
    assert sys.meta_path == finders


def test_another_cebra_is_not_replaced(monkeypatch):
    other = types.ModuleType("cebra")
    other.__file__ = "/site-packages/cebra/__init__.py"
    monkeypatch.setitem(sys.modules, "cebra", other)
    with pytest.raises(ImportError, match=r"site-packages/cebra/__init__.py already"):
        install()
    uninstall()
    assert sys.modules["cebra"] is other


def test_a_script_runs_with_its_arguments_its_folder_and_its_exit_code(tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 3\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, cebra, beside\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv[1:], cebra.CEBRA(output_dimension=beside.VALUE))\n"
        "    sys.exit(7)\n"
    )
    done = run(str(script), "--name", "x", cwd=tmp_path.parent)
    assert done.stdout.strip() == "['--name', 'x'] CEBRA(output_dimension=3)"
    assert done.returncode == 7


def test_a_script_that_fails_shows_its_own_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import cebra\n\ncebra.CEBRA(output_dimensions=3)\n")
    done = run(str(script), cwd=tmp_path)
    assert done.returncode == 1
    assert f'File "{script}", line 3' in done.stderr
    assert "Did you mean 'output_dimension'?" in done.stderr


def test_a_module_runs(tmp_path):
    (tmp_path / "study.py").write_text("import cebra, sys\nprint(__name__, sys.argv[1:])\n")
    done = run("-m", "study", "fast", cwd=tmp_path)
    assert done.stdout.strip() == "__main__ ['fast']", done.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("missing.py",), ("-m",)])
def test_a_wrong_command_line_is_explained(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "usage: python -m cebra_ethan.compat" in done.stderr
