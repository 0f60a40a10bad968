"""Every rule of `cycloid rules` has a file of tests, named as its source is, in which it fires, must not fire, and is
compared in numbers."""

import json
import pathlib
import re

RULES = pathlib.Path(__file__).parent.parent / "src" / "rewrite" / "rules"
# What the helpers of rewrite/rule_testing.h say of the rule they get; the first two compare numbers before and after, on
# special values too.
FIRES = ("expect_rewrites", "expect_becomes")
DECLINES = ("expect_declines",)


def registered(cycloid):
    """{name: variable in C++, file of its definition} of the rules that the program lists."""
    listed = json.loads(cycloid("rules", "--json").stdout)
    definition = re.compile(r'const Rule (k\w+) = \{\s*\.name = "([^"]+)"')
    found = {}
    for path in sorted(RULES.glob("*.cpp")):
        for variable, name in definition.findall(path.read_text()):
            found[name] = (variable, path)
    return {rule["name"]: found.get(rule["name"]) for rule in listed["rules"]}


def rules_named(text, helpers):
    """Rules given to one of the helpers, directly or by a function of the file that takes the rule first."""
    names = set(helpers)
    wrapper = re.compile(r"^[\w:<>&\* ]*?(\w+)\(const Rule& rule\b[^{;]*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
    for function, body in wrapper.findall(text):
        if any(re.search(rf"\b{helper}\(rule\b", body) for helper in helpers):
            names.add(function)
    return set(re.findall(rf"\b(?:{'|'.join(sorted(names))})\(\s*(k[A-Z]\w+)", text))


def test_each_rule_has_its_tests(cycloid):
    rules = registered(cycloid)
    assert rules
    missing = []
    for name, definition in rules.items():
        if definition is None:
            missing.append(f"{name}: no definition in {RULES}")
            continue
        variable, source = definition
        tests = source.with_name(source.stem + "_test.cpp")
        if not tests.exists():
            missing.append(f"{name}: no {tests.name}")
            continue
        text = tests.read_text()
        if variable not in rules_named(text, FIRES):
            missing.append(f"{name}: {tests.name} has no test in which it fires and is compared ({' or '.join(FIRES)})")
        if variable not in rules_named(text, DECLINES):
            missing.append(f"{name}: {tests.name} has no test in which it must not fire ({', '.join(DECLINES)})")
    assert not missing, "\n".join(missing)


def test_test_files_belong_to_a_rule():
    """No test stands where nobody looks for it."""
    for path in RULES.glob("*_test.cpp"):
        assert (RULES / (path.stem.removesuffix("_test") + ".cpp")).exists(), path.name
