"""Runs one file of Python tests for ctest; exits with 77 (skipped) where pytest is missing or every test was skipped."""

import importlib.util
import sys

SKIPPED = 77


class Outcome:
    """Counts, so that a file whose every test was skipped is reported as skipped and not as passed."""

    def __init__(self):
        self.reports = {"passed": 0, "failed": 0, "skipped": 0}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.reports[report.outcome] += 1

    def pytest_collectreport(self, report):
        if report.skipped:
            self.reports["skipped"] += 1


def main():
    if importlib.util.find_spec("pytest") is None:
        print(f"SKIPPED: {sys.executable} has no pytest; `./dev test` sets it up")
        return SKIPPED
    import pytest

    outcome = Outcome()
    code = pytest.main(["-rs", "-q", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[outcome])
    nothing_ran = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if nothing_ran and outcome.reports["passed"] == 0 and outcome.reports["skipped"] > 0:
        return SKIPPED
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
