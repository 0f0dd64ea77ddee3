#!/usr/bin/env python3
"""Holds infra/template.yaml and infra/stacks to rules that AWS, the local emulator and a linter do not enforce.

It transforms the SAM templates as CloudFormation does, lints each with cfn-lint (the source alone hides a short
visibility timeout, a concurrency of 1 and an unknown IAM action), and then applies our own rules: to the files one by one
(stacks.py), and to all of them together (rules.py, alarms.py, policies.py), under the default parameters and under every
other allowed value of each parameter.

    check_template.py                 all checks, for people
    check_template.py --json          the same, for machines
    check_template.py --strict        a function without `pub struct Ports` is a failure, not a note
    check_template.py --list          what is checked
    check_template.py --write FOLDER  the transformed templates as <FOLDER>/<name>.json, without any check

A function's role must allow exactly what the fields of `Ports` in functions/*/<name>/src/lib.rs mean; ports.toml, beside
this file, says what they mean.

Exit status: 0 all is well; 1 findings; 2 the check itself could not run.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

try:
    import cfnlint.api
    import cfnlint.config
    import samtranslator  # noqa: F401  (imported here, so that the message below names it when it is missing)

    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
except ModuleNotFoundError as missing:
    print(f"{missing.name} is not installed: pip install -r {HERE / 'requirements.txt'}", file=sys.stderr)
    sys.exit(2)

sys.path.insert(0, str(HERE))
import alarms  # noqa: E402
import policies  # noqa: E402
import rules  # noqa: E402
import stacks  # noqa: E402
import template as reading  # noqa: E402
from rules import Finding, Code  # noqa: E402
from stacks import Files  # noqa: E402

# The rules for all files together.
STACK_RULES = [*rules.all_rules(), *alarms.all_rules(), *policies.all_rules()]
# One is enough: every region has our resource types.
REGIONS = ["us-east-1"]
# The children have one head, so that each leaves some of it unused; stacks.head_in_use looks at all of them together.
UNUSED_IN_CHILDREN = ["W2001", "W7001", "W8001"]
# The root names its children by path; `sam deploy` and the local deployer upload them.
LOCAL_IN_ROOT = ["W3002"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, default=ROOT / "infra" / "template.yaml")
    parser.add_argument("--functions", type=Path, default=ROOT / "functions", help="folder of the functions")
    parser.add_argument("--domain", type=Path, default=ROOT / "shared" / "domain" / "src", help="where events are named")
    parser.add_argument("--cloud", type=Path, default=ROOT / "shared" / "cloud" / "src", help="where settings are read")
    parser.add_argument("--ports", type=Path, default=HERE / "ports.toml", help="what a port may touch")
    parser.add_argument("--strict", action="store_true", help="a function without Ports fails")
    parser.add_argument("--json", action="store_true", help="findings as JSON on stdout")
    parser.add_argument("--list", action="store_true", help="say what is checked, and stop")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the transformed templates, and stop")
    asked = parser.parse_args(arguments)
    if asked.list:
        for rule in stacks.all_rules() + STACK_RULES:
            print(f"{rule.__name__.replace('_', ' '):24} {rule.__doc__}")
        return 0
    try:
        sam = reading.read_all(asked.template)
        if asked.write:
            write(reading.transformed_all(sam), asked.write)
            return 0
        code = read_code(asked.functions, asked.domain, asked.ports, asked.cloud)
        files = files_of(sam, asked.functions)
        findings = check(files, code, strict=asked.strict)
    except reading.Unreadable as error:
        print(f"cannot check: {error}", file=sys.stderr)
        return 2
    notes = [] if asked.strict else sorted(name for name, fields in code.fields.items() if fields is None)
    resources = {name: len(template["Resources"]) for name, template in files.plain.items()}
    if asked.json:
        print(json.dumps({"resources": resources, "findings": [asdict(f) for f in findings], "no_ports": notes}, indent=2))
    else:
        report(asked.template, resources, findings, notes)
    return 1 if findings else 0


def report(path, resources, findings, notes):
    for finding in findings:
        print(f"{finding.resource}: {finding.problem} [{finding.check}]\n    way out: {finding.remedy}")
    if notes:
        print(f"note: no Ports yet in {', '.join(notes)}; their roles are not compared (--strict makes this a failure)")
    verdict = f"{len(findings)} findings" if findings else "all is well"
    counts = ", ".join(f"{name} {count}" for name, count in resources.items())
    print(f"{path}: {sum(resources.values())} resources after the transform ({counts}), {verdict}")


def files_of(sam, functions):
    """The templates with their transformed forms, and the workflow of each function's folder."""
    folders = {manifest.parent.name: manifest.parent.parent.name for manifest in functions.glob("*/*/Cargo.toml")}
    return Files(sam, reading.transformed_all(sam), folders)


def write(plain, folder):
    """The transformed templates, for tools that take plain CloudFormation."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, template in plain.items():
        (folder / f"{name}.json").write_text(json.dumps(template, indent=2) + "\n", encoding="utf-8")


def check(files, code, strict=False, lint=True):
    """All findings of the templates, sorted, each once."""
    return sorted(set(each_finding(files, code, strict, lint)))


def each_finding(files, code, strict, lint):
    """All findings as they are found, some of them under several sets of parameters."""
    for rule in stacks.all_rules():
        yield from rule(files)
    for name, template in files.plain.items():
        if lint:
            yield from linted(template, LOCAL_IN_ROOT if name == reading.ROOT else UNUSED_IN_CHILDREN)
        yield from described(template)
    for parameters in reading.variants(files.plain[reading.ROOT]):
        try:
            stack = reading.Stack(files.plain, parameters)
        except reading.Unresolvable as error:
            name, _, problem = str(error).partition(": ")
            yield Finding("unresolvable", name, problem, "add the row, or remove the value from AllowedValues")
            continue
        for rule in STACK_RULES:
            yield from rule(stack, code)
    if strict:
        for name, fields in code.fields.items():
            if fields is None:
                problem = f"functions/*/{name}/src/lib.rs has no `pub struct Ports`"
                yield Finding("no-ports", rules.pascal(name), problem, "list in it all that the step may touch")


def linted(plain, ignored=()):
    """What cfn-lint finds in a transformed template; a warning is a finding, too."""
    config = cfnlint.config.ManualArgs(regions=REGIONS, ignore_checks=list(ignored))
    for match in cfnlint.api.lint(json.dumps(plain), config=config):
        path = match.path or []
        where = str(path[1]) if len(path) > 1 and path[0] == "Resources" else "template"
        place = "/".join(map(str, path[2:]))
        problem = f"{match.message} ({place})" if place else match.message
        yield Finding("lint", where, problem, f"cfn-lint {match.rule.id}: {match.rule.description}")


def described(plain):
    """Every parameter and output has a description, so that one can deploy the template without reading it."""
    for section in ("Parameters", "Outputs"):
        for name, about in plain.get(section, {}).items():
            if not about.get("Description"):
                yield Finding("description", name, f"it has no Description under {section}", "say what it is for")


def read_code(functions, domain, ports, cloud):
    """What the rules compare the templates with."""
    if not functions.is_dir():
        raise reading.Unreadable(f"there is no folder {functions}")
    folders = {manifest.parent.name: manifest.parent for manifest in sorted(functions.glob("*/*/Cargo.toml"))}
    try:
        table = tomllib.loads(ports.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise reading.Unreadable(f"{ports}: {error}") from error
    fields = {name: fields_of_ports(folder / "src" / "lib.rs") for name, folder in folders.items()}
    listens = {name: events_of_header(folder / "src" / "lib.rs") for name, folder in folders.items()}
    return Code(sorted(folders), table, fields, events_of(domain), listens, settings_of(cloud))


def fields_of_ports(path):
    """The public fields of `pub struct Ports`; None if there is no such struct."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    text = re.sub(r"//[^\n]*", "", text)
    found = re.search(r"\bpub struct Ports\b[^{;]*\{(.*?)\n\}|\bpub struct Ports\b[^{;]*\{([^}]*)\}", text, re.DOTALL)
    if not found:
        return [] if re.search(r"\bpub struct Ports\b[^{]*;", text) else None
    return re.findall(r"(?:^|[,\s])pub(?:\([^)]*\))?\s+(\w+)\s*:", found[1] or found[2] or "")


def events_of_header(path):
    """The events that a function's header names under `- On:`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    header = "\n".join(line.removeprefix("//!") for line in lines if line.startswith("//!"))
    found = re.search(r"^ *- On:(.*?)(?=^ *- |\Z)", header, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([a-z_]+\.[a-z_]+)`", found[1])) if found else set()


def settings_of(cloud):
    """The texts in capitals in the source that reads the environment: names of its variables, and a few others."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(cloud.rglob("*.rs")))
    return {name for text in texts for name in re.findall(r'"([A-Z][A-Z_]+)"', text)}


def events_of(domain):
    """Types of events on the bus: the domain's, and `delivery.received`."""
    names = set()
    for path in sorted(domain.rglob("*.rs")):
        names |= set(re.findall(r'serde\(rename = "([a-z_]+\.[a-z_]+)"\)', path.read_text(encoding="utf-8")))
    return names | {"delivery.received"} if names else set()


if __name__ == "__main__":
    sys.exit(main())
