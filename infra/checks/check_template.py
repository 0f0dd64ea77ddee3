#!/usr/bin/env python3
"""Holds infra/template.yaml to what AWS, the local emulator and a linter would let pass.

It transforms the SAM template as CloudFormation does, lints the result with cfn-lint (the source alone hides a short
visibility timeout, a concurrency of 1 and an unknown IAM action), and then applies the house's own rules, under the
default parameters and under every other allowed value of each parameter.

    check_template.py                 all checks, for people
    check_template.py --json          the same, for machines
    check_template.py --strict        a function without `pub struct Ports` is a failure, not a note
    check_template.py --list          what is checked

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
    import samtranslator  # noqa: F401  (named here, so that its absence is told with the way out)

    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
except ModuleNotFoundError as missing:
    print(f"{missing.name} is not installed: pip install -r {HERE / 'requirements.txt'}", file=sys.stderr)
    sys.exit(2)

sys.path.insert(0, str(HERE))
import rules  # noqa: E402
import template as reading  # noqa: E402
from rules import Finding, House  # noqa: E402

# Where deploying is possible; one is enough, our types exist in all of them.
REGIONS = ["us-east-1"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, default=ROOT / "infra" / "template.yaml")
    parser.add_argument("--functions", type=Path, default=ROOT / "functions", help="folder of the functions")
    parser.add_argument("--domain", type=Path, default=ROOT / "shared" / "domain" / "src", help="where events are named")
    parser.add_argument("--ports", type=Path, default=HERE / "ports.toml", help="what a port may touch")
    parser.add_argument("--strict", action="store_true", help="a function without Ports fails")
    parser.add_argument("--json", action="store_true", help="findings as JSON on stdout")
    parser.add_argument("--list", action="store_true", help="say what is checked, and stop")
    asked = parser.parse_args(arguments)
    if asked.list:
        for rule in rules.all_rules():
            print(f"{rule.__name__.replace('_', ' '):24} {rule.__doc__}")
        return 0
    try:
        house = read_house(asked.functions, asked.domain, asked.ports)
        plain = reading.transformed(reading.read(asked.template))
        findings = check(plain, house, strict=asked.strict)
    except reading.Unreadable as error:
        print(f"cannot check: {error}", file=sys.stderr)
        return 2
    notes = [] if asked.strict else sorted(name for name, fields in house.fields.items() if fields is None)
    resources = len(plain["Resources"])
    if asked.json:
        print(json.dumps({"resources": resources, "findings": [asdict(f) for f in findings], "no_ports": notes}, indent=2))
    else:
        tell(asked.template, resources, findings, notes)
    return 1 if findings else 0


def tell(path, resources, findings, notes):
    for finding in findings:
        print(f"{finding.resource}: {finding.problem} [{finding.check}]\n    way out: {finding.remedy}")
    if notes:
        print(f"note: no Ports yet in {', '.join(notes)}; their roles are not compared (--strict makes this a failure)")
    verdict = f"{len(findings)} findings" if findings else "all is well"
    print(f"{path}: {resources} resources after the transform, {verdict}")


def check(plain, house, strict=False, lint=True):
    """All findings of a transformed template, sorted, each once."""
    found = set(linted(plain)) if lint else set()
    found |= set(described(plain))
    for parameters in reading.variants(plain):
        try:
            stack = reading.Stack(plain, parameters)
        except reading.Unresolvable as error:
            name, _, problem = str(error).partition(": ")
            found.add(Finding("unresolvable", name, problem, "add the row, or remove the value from AllowedValues"))
            continue
        for rule in rules.all_rules():
            found.update(rule(stack, house))
    if strict:
        for name, fields in house.fields.items():
            if fields is None:
                problem = f"functions/*/{name}/src/lib.rs has no `pub struct Ports`"
                found.add(Finding("no-ports", rules.pascal(name), problem, "list in it all that the step may touch"))
    return sorted(found)


def linted(plain):
    """What cfn-lint says of the transformed template. Nothing is ignored: a warning is a finding."""
    config = cfnlint.config.ManualArgs(regions=REGIONS)
    for match in cfnlint.api.lint(json.dumps(plain), config=config):
        path = match.path or []
        where = str(path[1]) if len(path) > 1 and path[0] == "Resources" else "template"
        place = "/".join(map(str, path[2:]))
        problem = f"{match.message} ({place})" if place else match.message
        yield Finding("lint", where, problem, f"cfn-lint {match.rule.id}: {match.rule.description}")


def described(plain):
    """Every parameter and output says what it is: nobody should have to read the template to deploy it."""
    for section in ("Parameters", "Outputs"):
        for name, about in plain.get(section, {}).items():
            if not about.get("Description"):
                yield Finding("description", name, f"it has no Description under {section}", "say what it is for")


def read_house(functions, domain, ports):
    """Reads what the rules compare the template with."""
    if not functions.is_dir():
        raise reading.Unreadable(f"there is no folder {functions}")
    folders = {manifest.parent.name: manifest.parent for manifest in sorted(functions.glob("*/*/Cargo.toml"))}
    try:
        table = tomllib.loads(ports.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise reading.Unreadable(f"{ports}: {error}") from error
    fields = {name: fields_of_ports(folder / "src" / "lib.rs") for name, folder in folders.items()}
    heard = {name: events_of_header(folder / "src" / "lib.rs") for name, folder in folders.items()}
    return House(sorted(folders), table, fields, events_of(domain), heard)


def fields_of_ports(path):
    """The public fields of `pub struct Ports`; None while there is none."""
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


def events_of(domain):
    """Names that can stand on the bus: the domain's events, and the delivery's pointer."""
    names = set()
    for path in sorted(domain.rglob("*.rs")):
        names |= set(re.findall(r'serde\(rename = "([a-z_]+\.[a-z_]+)"\)', path.read_text(encoding="utf-8")))
    return names | {"delivery.received"} if names else set()


if __name__ == "__main__":
    sys.exit(main())
