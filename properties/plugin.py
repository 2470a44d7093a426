"""The pytest plugin: options, header, the fixture `conv2d`, the closing summary and `report.json`.

Installed, it is loaded by every pytest run of its environment: at module level it imports the
standard library and pytest only, and it stays asleep unless tests of this package are asked for.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
STATE = pytest.StashKey[Any]()
PREFIX = "conv2d-"
PROFILE_OPTION = "--hypothesis-profile"
FACTS_KEY = "conv2d_session"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; all carry the prefix that no other project uses."""
    importlib.import_module("properties.options").add_to(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Wake up if tests of this package are asked for."""
    config.addinivalue_line("markers", "conv2d: a property of the implementation under test")
    profile = config.getoption(PROFILE_OPTION, None) or ""
    if profile.startswith(PREFIX):
        # Before Hypothesis' own plugin loads the profile by name.
        profiles = importlib.import_module("properties.profiles")
        profiles.register()
        if profile not in profiles.PROFILES:
            known = ", ".join(profiles.PROFILES)
            raise pytest.UsageError(f"conv2d-properties: profile {profile!r} is not one of {known}")
    if not _is_awake(config):
        return
    try:
        if not hasattr(config, "workerinput"):
            importlib.import_module("properties.names").require_own_names()
        session = importlib.import_module("properties.session")
    except (ValueError, ImportError) as error:  # of a package that is missing, say
        raise pytest.UsageError(f"conv2d-properties: {error}") from error
    state = session.open_session(config)
    config.stash[STATE] = state
    if not _is_controller(config):
        config.pluginmanager.register(state.fixtures(), "conv2d-fixtures")


@pytest.hookimpl(trylast=True)  # when the terminal's reporter is there
def pytest_sessionstart(session: pytest.Session) -> None:
    """Have the process that owns the terminal tell how far a long run is."""
    config = session.config
    state = config.stash.get(STATE, None)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if state is not None and reporter is not None and not hasattr(config, "workerinput"):
        progress = importlib.import_module("properties.progress")
        config.pluginmanager.register(progress.Progress(reporter, state.seconds))


@pytest.hookimpl(optionalhook=True, wrapper=True)  # xdist's; it may be switched off
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Have `-n auto` start no more workers than the devices and the host have memory for."""
    own = yield
    if not _is_awake(config) or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return own
    number: int = importlib.import_module("properties.devices").auto_workers(config, own)
    return number


def _is_awake(config: pytest.Config) -> bool:
    """Tell whether an argument names this package, a part of it, or a folder above it."""
    if config.option.help or config.option.version:
        return False
    for argument in config.args or [str(config.invocation_params.dir)]:
        name = argument.partition("::")[0]
        if config.option.pyargs and name.partition(".")[0] == "properties":
            return True
        path = (config.invocation_params.dir / name).resolve()
        if path.exists() and (path.is_relative_to(HERE) or HERE.is_relative_to(path)):
            return True
    return False


def _is_controller(config: pytest.Config) -> bool:
    distributed = config.getoption("dist", "no") != "no"
    return distributed and not hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)  # xdist's; it may be switched off
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker what the controller learned, so that it need not ask again."""
    state = node.config.stash.get(STATE, None)
    if state is not None:
        node.workerinput[FACTS_KEY] = state.for_worker()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is verified, on what, and with which seed."""
    state = config.stash.get(STATE, None)
    return state.header() if state is not None else []


@pytest.hookimpl(trylast=True)  # after -k and -m: a time budget is shared by what is left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every property its settings, its seed and its turn."""
    state = config.stash.get(STATE, None)
    if state is not None:
        turn_of = importlib.import_module("properties.profiles").turn_of
        items.sort(key=lambda item: turn_of(getattr(item, "originalname", item.name)))
        state.prepare([item for item in items if item.path.is_relative_to(HERE)])


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a property inside its search; turn what it found into a finished report."""
    state = pyfuncitem.config.stash.get(STATE, None)
    subject = pyfuncitem.funcargs.get("conv2d")
    if state is None or subject is None or not pyfuncitem.path.is_relative_to(HERE):
        return (yield)
    items = importlib.import_module("properties.items")
    with items.running(state, pyfuncitem, subject):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a violation as its own text, not as a traceback through Hypothesis."""
    report = yield
    state = item.config.stash.get(STATE, None)
    if state is not None and call.excinfo is not None and report.failed:
        items = importlib.import_module("properties.items")
        report.longrepr = items.shown(item, call.excinfo) or report.longrepr
    return report


@pytest.hookimpl(tryfirst=True)  # before JUnit's
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Put case and script of a violation into what JUnit prints of it."""
    if report.failed and "conv2d" in dict(report.user_properties):
        importlib.import_module("properties.items").attach(report)


@pytest.hookimpl(tryfirst=True)  # before the terminal's, which writes the summary
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write report.json, and end with one of the exit statuses of `properties.outcome`."""
    config, state = session.config, session.config.stash.get(STATE, None)
    if state is not None and not (hasattr(config, "workerinput") or config.option.collectonly):
        planned = sum(item.path.is_relative_to(HERE) for item in session.items)
        session.exitstatus = state.conclude(int(exitstatus), planned)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print cases, time and share of the bound per property, and what the run ends with."""
    state = config.stash.get(STATE, None)
    if state is not None and not config.option.collectonly:
        state.summary(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End every child process."""
    state = config.stash.get(STATE, None)
    if state is not None:
        state.close()


def report_path(config: pytest.Config) -> Path:
    """Return where report.json goes."""
    given = config.getoption("--conv2d-report")
    base = config.invocation_params.dir
    return base / (given or os.path.join(".conv2d", "report.json"))  # noqa: PTH118
