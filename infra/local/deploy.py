"""Deploys infra/template.yaml, its child stacks and the built binaries to the local stack, through CloudFormation.

    deploy.py --binaries target/debug [--partners http://127.0.0.1:4580]

It deploys the templates unchanged but for two places: each function's CodeUri becomes its package (the binary as
`bootstrap` in a zip), and each child's TemplateURL becomes the uploaded file. It applies the SAM transform itself, because
the emulator does not transform a child.

A second run compares digests. With the same templates, it updates only the functions whose binary changed. With changed
templates, it deletes the stack and creates it anew, because the emulator cannot update a child; what the stack held is
then gone.

Afterwards it does what a deploying team does outside the template: it writes the partners' secrets (from the running
simulators), the API's tokens (random, made once for this clone, in .local/secrets.json) and the partners' documents, and
gives the simulators the address of the API. The answer, on stdout and in .local/stack/live.json, is what a client of the
stack needs:

    endpoint, region, stack      the emulator, and the stack's name
    gateway                      base URL of the HTTP API, e.g. <gateway>/v1/orders
    partners                     base URL of the simulators, e.g. <partners>/control
    outputs, parameters          the root's
    resources                    physical ids by logical id, of the root and all children
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
import secrets
import sys
import time
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common import LOCAL, REGION, ROOT, STACK, STATE, Problem, digest_of, endpoint, read_json, run, say, write_json

sys.path.insert(0, str(ROOT / "infra" / "checks"))
import template as reading  # noqa: E402

BUCKET = f"{STACK}-packages"
TEMPLATE_TAG = "crossdock-template"
DEADLINE_SECONDS = 180


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, required=True, help="folder of the functions' binaries")
    parser.add_argument("--template", type=Path, default=ROOT / "infra" / "template.yaml")
    parser.add_argument("--parameters", type=Path, default=Path(__file__).with_name("parameters.json"))
    parser.add_argument("--default", action="append", default=[], metavar="NAME", help="a parameter that keeps the template's default")
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
    """Clients for the emulator, made on first use, with time limits."""

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
    try:
        sam = reading.read_all(asked.template)
    except reading.Unreadable as error:
        raise Problem(str(error)) from None
    documents = read_documents(asked.documents, asked.partners)
    functions = functions_of(sam)
    packages = package(functions, asked.binaries)
    # The functions run on this machine.
    machine = {"Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"}
    ours = {name: value for name, value in read_json(asked.parameters, {}).items() if name not in asked.default}
    parameters = parameters_for(sam[reading.ROOT], machine | ours)
    fingerprint = fingerprint_of(sam, parameters)

    stack = describe(aws)
    if stack and not usable(stack, fingerprint):
        aws.cloudformation.delete_stack(StackName=STACK)
        wait_for(aws, "DELETE")
        stack = None
    if not stack:
        upload(aws, packages)
        create(aws, sam, functions, packages, parameters, fingerprint)
    else:
        resources = resources_of(aws)
        changed = changed_functions(aws, functions, packages, resources)
        if changed:
            update_code(aws, changed, functions, packages, resources)
        else:
            say("nothing changed")
    return finish(asked, aws, functions, parameters, documents)


def finish(asked, aws, functions, parameters, documents):
    """Does what is outside the templates, and describes the stack in live.json."""
    resources = resources_of(aws)
    stack = describe(aws)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    known = {"partners": partners_secrets(asked.partners), "api": api_tokens()}
    gateway = gateway_of(aws, resources)
    known["console"] = console_sign_in(gateway)
    put_secrets(aws, outputs["SecretsPrefix"], documents, known)
    put_documents(aws, outputs["RegistryTableName"], documents)
    say(f"console: {known['console']['address']}")
    set_gateway_of_simulators(asked.partners, gateway)
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


def usable(stack, fingerprint):
    """Whether the stack was created completely, from these templates; says why not."""
    if stack["StackStatus"] != "CREATE_COMPLETE":
        say(f"removing the stack, which is in {stack['StackStatus']}")
        return False
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
    if tags.get(TEMPLATE_TAG) != fingerprint:
        say("the templates changed: removing the stack with what it holds (the emulator cannot update a child stack)")
        return False
    return True


# The templates


def functions_of(sam):
    """The functions of all files by logical id, each with the name of its binary."""
    return {
        name: resource["Metadata"]["BuildProperties"]["Binary"]
        for template in sam.values()
        for name, resource in template["Resources"].items()
        if resource.get("Type") == "AWS::Serverless::Function"
    }


def parameters_for(root, wanted):
    """Values for the parameters that the root declares. Each needs one from us or a default."""
    declared = root.get("Parameters", {})
    missing = [name for name, what in declared.items() if name not in wanted and "Default" not in what]
    if missing:
        raise Problem(
            f"the template's parameters {', '.join(missing)} have no value locally",
            "add them to infra/local/parameters.json",
        )
    return {name: str(wanted[name]) for name in declared if name in wanted}


def fingerprint_of(sam, parameters):
    return hashlib.sha256(json.dumps([sam, parameters], sort_keys=True, default=str).encode()).hexdigest()


# Packages


def package(functions, binaries):
    """Zips by the binary's name, each with the binary as `bootstrap`. Equal binaries give equal bytes."""
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
        # Level 1: the package goes over loopback once, so that time matters and size does not.
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


def changed_functions(aws, functions, packages, resources):
    """Logical ids of the functions whose deployed package differs from the built one."""
    deployed = {}
    for page in aws.__getattr__("lambda").get_paginator("list_functions").paginate():
        deployed |= {function["FunctionName"]: function["CodeSha256"] for function in page["Functions"]}

    def digest(path):
        return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()

    return [name for name, binary in functions.items() if deployed.get(resources[name][1]) != digest(packages[binary])]


def update_code(aws, changed, functions, packages, resources):
    say(f"updating {', '.join(functions[name] for name in changed)}")
    upload(aws, {name: packages[functions[name]] for name in changed})
    client = aws.__getattr__("lambda")
    for name in changed:
        key = packages[functions[name]].name
        client.update_function_code(FunctionName=resources[name][1], S3Bucket=BUCKET, S3Key=key)


# CloudFormation


def create(aws, sam, functions, packages, parameters, fingerprint):
    plain = reading.transformed_all(
        sam, parameters, lambda name: {"Bucket": BUCKET, "Key": packages[functions[name]].name}
    )
    for name, child in reading.children(plain[reading.ROOT]).items():
        child["Properties"]["TemplateURL"] = f"{aws.url}/{BUCKET}/{name}.json"
    for name, template in plain.items():
        aws.s3.put_object(Bucket=BUCKET, Key=f"{name}.json", Body=json.dumps(template).encode())
    say(f"creating the stack and its {len(plain) - 1} children: {len(functions)} functions")
    aws.cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{aws.url}/{BUCKET}/{reading.ROOT}.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=[{"Key": TEMPLATE_TAG, "Value": fingerprint}],
    )
    wait_for(aws, "CREATE")


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
                f"the stack ended in {status}:\n{failures(aws)}", "correct the templates, then cargo xtask deploy"
            )
        time.sleep(0.1)
    raise Problem(
        f"the stack was not done after {DEADLINE_SECONDS} s", f"cargo xtask down && cargo xtask up; see {STATE}/emulator.log"
    )


def failures(aws):
    """What failed, in the root and in its children."""
    lines = []
    for stack in [STACK, *(physical for kind, physical in resources_of(aws).values() if kind == reading.CHILD)]:
        events = aws.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        lines += [
            f"  {event['LogicalResourceId']} ({event.get('ResourceType', '')}): {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
        ]
    return "\n".join(dict.fromkeys(lines)) or "  no event gives a reason"


def resources_of(aws, stack=STACK):
    """(type, physical id) by logical id, of the stack and its children."""
    found = {}
    for page in aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for item in page["StackResourceSummaries"]:
            found[item["LogicalResourceId"]] = (item["ResourceType"], item.get("PhysicalResourceId", ""))
    for kind, physical in list(found.values()):
        if kind == reading.CHILD and physical:
            found |= resources_of(aws, physical)
    return found


def gateway_of(aws, resources):
    """The HTTP API's base URL by path: names under .localhost do not resolve everywhere."""
    apis = [physical for kind, physical in resources.values() if kind == "AWS::ApiGatewayV2::Api"]
    return f"{aws.url}/_aws/execute-api/{apis[0]}" if apis else None


# What a deploying team does outside the templates


def read_documents(folder, partners):
    """The partners' documents by id. A document with an address on this machine gets the simulators' address."""
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
    """Each simulated partner's signing secrets, and the token that it expects."""
    described = call(f"{partners}/control/partners")
    listed = described.get("partners", []) if isinstance(described, dict) else described
    return {partner["id"]: {"token": partner["token"], "signing": partner["signing"]} for partner in listed}


def set_gateway_of_simulators(partners, gateway):
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
    """The API tokens of this clone: random, made once, in a file that other users cannot read."""
    path = LOCAL / "secrets.json"
    known = read_json(path, {}).get("api", [])
    wanted = {
        "portal": ["orders:read:all", "orders:write:all", "reviews:read", "reviews:decide"],
        "reader": ["orders:read:all"],
    }
    have = {entry["client"]: entry for entry in known}
    for client, scopes in wanted.items():
        if client not in have:
            known.append({"client": client, "token": secrets.token_urlsafe(24), "scopes": scopes})
        else:
            # A clone that is older than a scope keeps its token and gets the scope.
            have[client]["scopes"] = scopes
    write_json(path, {"api": known}, private=True)
    return known


def console_sign_in(gateway):
    """The console's secret of this clone, with a throw-away token that signs in as operations, and the address that uses it."""
    path = LOCAL / "console.json"
    known = read_json(path, {})
    known.setdefault("token", secrets.token_urlsafe(24))
    known.setdefault("cookie_key", base64.b64encode(secrets.token_bytes(32)).decode())
    write_json(path, known, private=True)
    person = {"sha256": hashlib.sha256(known["token"].encode()).hexdigest(), "subject": "local", "roles": ["operations"]}
    document = {"url": gateway, "cookie_keys": [known["cookie_key"]], "local": [person]}
    return {"document": document, "address": f"{gateway}/console/sign-in?local={known['token']}"}


def put_secrets(aws, prefix, documents, known):
    values = {f"{prefix}/console/identity": known["console"]["document"]}
    for partner, value in known["partners"].items():
        if partner not in documents:
            continue
        values[f"{prefix}/partner/{documents[partner]['role']}/{partner}"] = {"token": value["token"]}
        values[f"{prefix}/webhook/{partner}"] = {"signing": value["signing"]}
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


def put_documents(aws, table, documents):
    for partner, document in documents.items():
        text = json.dumps(document, sort_keys=True)
        key = {"kind": {"S": "partner"}, "id": {"S": partner}}
        held = aws.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        if held and json.loads(held["document"]["S"]) == document:
            continue
        version = int(held["version"]["N"]) + 1 if held else 1
        item = key | {"document": {"S": text}, "version": {"N": str(version)}}
        aws.dynamodb.put_item(TableName=table, Item=item)


if __name__ == "__main__":
    run(main)
