"""Deploys infra/template.yaml and the built binaries to the local stack, through CloudFormation.

    deploy.py --binaries target/debug [--partners http://127.0.0.1:4580]

What is deployed is the template as it stands; only each function's CodeUri is replaced by its package, the binary as
`bootstrap` in a zip. A second run compares digests: an unchanged template is left alone and only functions whose
binary changed are updated. Afterwards comes what a deploying team keeps outside the template: the partners' secrets, as
the running simulators tell them, the API's tokens (random, made once for this clone, in .local/secrets.json), and the
partners' documents. The simulators are told where the API is. The answer, on stdout and in .local/stack/live.json, is
everything that a client of the stack has to know:

    endpoint, region, stack      the emulator, and the stack's name
    gateway                      base URL of the HTTP API, e.g. <gateway>/v1/orders
    partners                     base URL of the simulators, e.g. <partners>/control
    outputs, parameters          the template's
    resources                    physical ids by the template's logical ids
    functions                    deployed names by binary, e.g. order-price
    secrets.partners.<id>        {"token": …, "signing": [whsec_…]}
    secrets.api                  [{"client": "portal", "token": …, "scopes": […]}, {"client": "reader", …}]
"""

import argparse
import base64
import concurrent.futures
import hashlib
import io
import json
import platform
import re
import secrets
import time
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common import LOCAL, REGION, ROOT, STACK, STATE, Problem, digest_of, endpoint, read_json, run, say, write_json

BUCKET = f"{STACK}-packages"
TEMPLATE_TAG = "crossdock-template"
DEADLINE_SECONDS = 180


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, required=True, help="folder of the functions' binaries")
    parser.add_argument("--template", type=Path, default=ROOT / "infra" / "template.yaml")
    parser.add_argument("--parameters", type=Path, default=Path(__file__).with_name("parameters.json"))
    parser.add_argument("--documents", type=Path, default=ROOT / "infra" / "partners")
    parser.add_argument("--partners", default="http://127.0.0.1:4580", help="where the simulated partners listen")
    parser.add_argument("--port", type=int, default=4566, help="the emulator's port")
    asked = parser.parse_args()
    aws = Aws(asked.port)
    began = time.monotonic()
    try:
        live = deploy(asked, aws)
    except (ClientError, BotoCoreError) as error:
        raise Problem(
            f"the local stack refused: {error}", f"cargo xtask down && cargo xtask up; its log is {STATE}/emulator.log"
        ) from error
    say(f"deployed in {time.monotonic() - began:.1f} s")
    print(json.dumps(live, indent=2, sort_keys=True))


class Aws:
    """Clients for the emulator, made on first use, each call bounded in time."""

    def __init__(self, port):
        self.url = endpoint(port)
        self.made = {}

    def __getattr__(self, service):
        if service not in self.made:
            self.made[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(connect_timeout=2, read_timeout=60, retries={"max_attempts": 2}, max_pool_connections=8),
            )
        return self.made[service]


def deploy(asked, aws):
    template = read_template(asked.template)
    documents = read_documents(asked.documents, asked.partners)
    functions = functions_of(template)
    packages = package(functions, asked.binaries)
    # The functions run on this very machine.
    machine = {"Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"}
    parameters = parameters_for(template, machine | read_json(asked.parameters, {}))
    fingerprint = fingerprint_of(template, parameters)

    stack = describe(aws)
    if stack and stack["StackStatus"].endswith(("ROLLBACK_COMPLETE", "FAILED")) and "UPDATE" not in stack["StackStatus"]:
        say(f"removing the stack that failed before ({stack['StackStatus']})")
        aws.cloudformation.delete_stack(StackName=STACK)
        wait_for(aws, "DELETE")
        stack = None
    if not stack:
        upload(aws, packages)
        apply(aws, "CREATE", template, functions, packages, parameters, fingerprint)
    else:
        resources = resources_of(aws)
        changed = changed_functions(aws, packages, resources)
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        if tags.get(TEMPLATE_TAG) != fingerprint:
            upload(aws, packages)
            apply(aws, "UPDATE", template, functions, packages, parameters, fingerprint)
        elif changed:
            update_code(aws, changed, packages, resources)
        else:
            say("nothing changed")

    resources = resources_of(aws)
    stack = describe(aws)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    known = {"partners": partners_secrets(asked.partners), "api": api_tokens()}
    put_secrets(aws, parameters, known)
    put_documents(aws, resources, documents)
    gateway = gateway_of(aws, resources)
    tell_simulators(asked.partners, gateway)
    live = {
        "stack": STACK,
        "region": REGION,
        "endpoint": aws.url,
        "gateway": gateway,
        "partners": asked.partners,
        "parameters": parameters,
        "outputs": outputs,
        "resources": {name: physical for name, (_, physical) in resources.items()},
        "functions": {binary: resources[name][1] for name, binary in functions.items() if name in resources},
        "secrets": known,
    }
    write_json(STATE / "live.json", live, private=True)
    return live


# The template


class Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, read as their long ones."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


Tags.add_multi_constructor("!", short_form)
# `2010-09-09` is a version and `yes` a string somebody wrote; only CloudFormation decides what is a date.
Tags.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_template(path):
    try:
        return yaml.load(path.read_text(), Tags)
    except FileNotFoundError:
        raise Problem(f"no template at {path}") from None
    except yaml.YAMLError as error:
        raise Problem(f"{path} is not YAML: {error}") from None


def functions_of(template):
    """The functions by logical id, each with the name of its binary."""
    found = {}
    for name, resource in template["Resources"].items():
        if resource.get("Type") == "AWS::Serverless::Function":
            built = resource.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
            uri = resource.get("Properties", {}).get("CodeUri")
            folder = uri.rstrip("/").rpartition("/")[2] if isinstance(uri, str) else ""
            kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", name.removesuffix("Function")).lower()
            found[name] = built or (folder if "-" in folder else kebab)
    return found


def parameters_for(template, wanted):
    """Values for the parameters that the template declares; one without a value or default is a mistake here."""
    declared = template.get("Parameters", {})
    missing = [name for name, what in declared.items() if name not in wanted and "Default" not in what]
    if missing:
        raise Problem(
            f"the template's parameters {', '.join(missing)} have no value locally",
            "add them to infra/local/parameters.json",
        )
    return {name: str(wanted[name]) for name in declared if name in wanted}


def fingerprint_of(template, parameters):
    return hashlib.sha256(json.dumps([template, parameters], sort_keys=True, default=str).encode()).hexdigest()


# Packages


def package(functions, binaries):
    """Zips by binary name: each the binary as `bootstrap`, the same bytes for the same binary."""
    absent = sorted(binary for binary in set(functions.values()) if not (binaries / binary).exists())
    if absent:
        raise Problem(
            f"no binary in {binaries} for: {', '.join(absent)}", "cargo build --workspace --bins, or cargo xtask deploy"
        )
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(zip(functions.values(), pool.map(lambda name: one_package(binaries / name), functions.values())))


def one_package(binary):
    digest = digest_of(binary)
    kept = STATE / "packages" / f"{binary.name}-{digest[:16]}.zip"
    if not kept.exists():
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        buffer = io.BytesIO()
        # Level 1: the package travels over loopback once, so time counts and size does not.
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(entry, binary.read_bytes(), compresslevel=1)
        kept.parent.mkdir(parents=True, exist_ok=True)
        for older in kept.parent.glob(f"{binary.name}-{'[0-9a-f]' * 16}.zip"):
            older.unlink(missing_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_bytes(buffer.getvalue())
        partial.replace(kept)
    return kept


def upload(aws, packages):
    aws.s3.create_bucket(Bucket=BUCKET)
    present = {item["Key"] for item in aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    wanted = [path for path in packages.values() if path.name not in present]
    size = sum(path.stat().st_size for path in wanted) / 1e6
    say(f"uploading {len(wanted)} packages ({size:.0f} MB)")
    for path in wanted:
        aws.s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())


def changed_functions(aws, packages, resources):
    """Binaries whose deployed package is another than the built one, by what the stack itself says."""
    by_kind = {physical for kind, physical in resources.values() if kind == "AWS::Lambda::Function"}
    deployed = {}
    for page in aws.__getattr__("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"] in by_kind:
                deployed[function["FunctionName"].removeprefix(f"{STACK}-")] = function["CodeSha256"]
    digests = {name: base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode() for name, path in packages.items()}
    return sorted(name for name, digest in digests.items() if deployed.get(name) != digest)


def update_code(aws, changed, packages, resources):
    say(f"updating {', '.join(changed)}")
    upload(aws, {name: packages[name] for name in changed})
    client = aws.__getattr__("lambda")
    for name in changed:
        client.update_function_code(FunctionName=f"{STACK}-{name}", S3Bucket=BUCKET, S3Key=packages[name].name)


# CloudFormation


def apply(aws, verb, template, functions, packages, parameters, fingerprint):
    for name, binary in functions.items():
        resource = template["Resources"][name]
        resource.pop("Metadata", None)
        resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": packages[binary].name}
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    aws.s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template, default=str).encode())
    say(f"{'creating' if verb == 'CREATE' else 'updating'} the stack: {len(functions)} functions")
    call = aws.cloudformation.create_stack if verb == "CREATE" else aws.cloudformation.update_stack
    try:
        call(
            StackName=STACK,
            TemplateURL=f"{aws.url}/{BUCKET}/template.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=[{"Key": TEMPLATE_TAG, "Value": fingerprint}],
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise
    wait_for(aws, verb)


def describe(aws):
    try:
        return aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def wait_for(aws, verb):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        stack = describe(aws)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if status == f"{verb}_COMPLETE":
            return
        if not status.endswith("_IN_PROGRESS"):
            raise Problem(
                f"the stack ended in {status}:\n{failures(aws)}", "mend infra/template.yaml, then cargo xtask deploy"
            )
        time.sleep(0.1)
    raise Problem(
        f"the stack was not done after {DEADLINE_SECONDS} s", f"cargo xtask down && cargo xtask up; see {STATE}/emulator.log"
    )


def failures(aws):
    events = aws.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    lines = [
        f"  {event['LogicalResourceId']} ({event.get('ResourceType', '')}): {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]
    return "\n".join(dict.fromkeys(reversed(lines))) or "  no event says why"


def resources_of(aws):
    """(type, physical id) by logical id."""
    found = {}
    for page in aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK):
        for item in page["StackResourceSummaries"]:
            found[item["LogicalResourceId"]] = (item["ResourceType"], item.get("PhysicalResourceId", ""))
    return found


def gateway_of(aws, resources):
    """The HTTP API's base URL by path: names under .localhost do not resolve everywhere."""
    apis = [physical for kind, physical in resources.values() if kind == "AWS::ApiGatewayV2::Api"]
    return f"{aws.url}/_aws/execute-api/{apis[0]}" if apis else None


# What a deploying team keeps outside the template


def read_documents(folder, partners):
    """The partners' documents by id. Those that point at this machine are pointed at the simulators' address."""
    documents = {}
    for path, document in checked_documents(folder):
        url = urllib.parse.urlsplit(document.get("base_url", ""))
        if url.hostname in ("127.0.0.1", "localhost", "::1"):
            target = urllib.parse.urlsplit(partners)
            document["base_url"] = url._replace(scheme=target.scheme, netloc=target.netloc).geturl()
        if "id" not in document:
            raise Problem(f"{path} has no id")
        documents[document["id"]] = document
    return documents


def checked_documents(folder):
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    for path in sorted(folder.glob("*.toml")):
        try:
            yield path, tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise Problem(f"{path}: {error}") from None


def partners_secrets(partners):
    """What each simulated partner signs with and expects to be called with."""
    described = call(f"{partners}/control/partners")
    listed = described.get("partners", []) if isinstance(described, dict) else described
    return {partner["id"]: {"token": partner["token"], "signing": partner["signing"]} for partner in listed}


def tell_simulators(partners, gateway):
    if gateway:
        call(f"{partners}/control/gateway", {"url": gateway})


def call(url, body=None):
    request = urllib.request.Request(url, method="POST" if body else "GET")
    if body:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except OSError as error:
        raise Problem(f"the partner simulators do not answer at {url}: {error}", "cargo xtask up") from None


def api_tokens():
    """This clone's throw-away API tokens: made once, random, in a file that other users cannot read."""
    path = LOCAL / "secrets.json"
    known = read_json(path, {}).get("api", [])
    wanted = {"portal": ["orders:read", "orders:write", "reviews:read", "reviews:decide"], "reader": ["orders:read"]}
    have = {entry["client"]: entry for entry in known}
    for client, scopes in wanted.items():
        if client not in have:
            known.append({"client": client, "token": secrets.token_urlsafe(24), "scopes": scopes})
        else:
            # A clone from before a scope keeps its token and gets the scope.
            have[client]["scopes"] = scopes
    write_json(path, {"api": known}, private=True)
    return known


def put_secrets(aws, parameters, known):
    prefix = parameters.get("SecretsPrefix", STACK)
    values = {f"{prefix}/partner/{partner}": value for partner, value in known["partners"].items()}
    values[f"{prefix}/api/tokens"] = [
        {
            "client": entry["client"],
            "sha256": hashlib.sha256(entry["token"].encode()).hexdigest(),
            "scopes": entry["scopes"],
        }
        for entry in known["api"]
    ]
    for name, value in values.items():
        text = json.dumps(value)
        try:
            if aws.secretsmanager.get_secret_value(SecretId=name)["SecretString"] != text:
                aws.secretsmanager.put_secret_value(SecretId=name, SecretString=text)
        except aws.secretsmanager.exceptions.ResourceNotFoundException:
            aws.secretsmanager.create_secret(Name=name, SecretString=text)


def put_documents(aws, resources, documents):
    tables = [physical for name, (kind, physical) in resources.items() if kind == "AWS::DynamoDB::Table" and name.startswith("Registry")]
    if not tables or not documents:
        return
    for partner, document in documents.items():
        text = json.dumps(document, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = {"kind": {"S": "partner"}, "id": {"S": partner}}
        held = aws.dynamodb.get_item(TableName=tables[0], Key=key, ConsistentRead=True).get("Item")
        if held and held["digest"]["S"] == digest:
            continue
        version = int(held["version"]["N"]) + 1 if held else 1
        item = key | {"document": {"S": text}, "digest": {"S": digest}, "version": {"N": str(version)}}
        aws.dynamodb.put_item(TableName=tables[0], Item=item)


if __name__ == "__main__":
    run(main)
