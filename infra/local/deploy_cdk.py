"""Deploys the CDK construct (infra/cdk) instead of the templates to the running local stack.

    deploy_cdk.py --binaries target/debug [--partners http://127.0.0.1:4580] [--order]

Run `cargo xtask up` before, and `npm ci && npm run templates` in infra/cdk. It synthesizes the construct with the parameters
of infra/local/parameters.json as props, uploads the assets and replaces the stack. Then it does what deploy.py does after a
deployment and writes the same live.json, so that every live test runs on this stack; --order runs one of them. The next
`cargo xtask up` deploys the templates again.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

import deploy
from common import ROOT, STACK, STATE, Problem, read_json, run, say, write_json

CDK = ROOT / "infra" / "cdk"
TEST = "path::an_order_for_one_warehouse"
BUCKET = f"{STACK}-cdk-assets"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, required=True, help="folder of the functions' binaries")
    parser.add_argument("--partners", default="http://127.0.0.1:4580", help="where the simulated partners listen")
    parser.add_argument("--order", action="store_true", help="send one order through it: a live test")
    parser.add_argument("--port", type=int, default=4566, help="the emulator's port")
    asked = parser.parse_args()
    aws = deploy.Aws(asked.port)
    began = time.monotonic()
    try:
        live = deploy_construct(asked, aws)
    except (ClientError, BotoCoreError) as error:
        raise Problem(f"the local stack refused: {error}", f"is it up? cargo xtask up; {STATE}/emulator.log") from error
    say(f"deployed in {time.monotonic() - began:.1f} s")
    print(json.dumps(live, indent=2, sort_keys=True))
    if asked.order:
        send_order()


def deploy_construct(asked, aws):
    sam = deploy.reading.read_all(ROOT / "infra" / "template.yaml")
    functions = deploy.functions_of(sam)
    machine = {"Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"}
    wanted = machine | read_json(ROOT / "infra" / "local" / "parameters.json")
    parameters = deploy.parameters_for(sam[deploy.reading.ROOT], wanted)
    documents = deploy.read_documents(ROOT / "infra" / "partners", asked.partners)
    assembly = synthesize(deploy.package(functions, asked.binaries), parameters)
    if deploy.describe(aws):
        say("removing the deployed stack with what it holds")
        aws.cloudformation.delete_stack(StackName=STACK)
        deploy.wait_for(aws, "DELETE")
    upload(aws, assembly)
    create(aws, assembly)
    return deploy.finish(asked, aws, functions, parameters, documents)


def synthesize(packages, parameters):
    """The folder of the synthesized app."""
    folder = STATE / "cdk"
    shutil.rmtree(folder, ignore_errors=True)
    for binary, package in packages.items():
        (folder / "packages" / binary).mkdir(parents=True)
        os.link(package, folder / "packages" / binary / "bootstrap.zip")
    write_json(folder / "parameters.json", parameters)
    began = time.monotonic()
    arguments = [folder / "packages", folder / "parameters.json", BUCKET, folder / "out"]
    command = [CDK / "node_modules" / ".bin" / "tsx", "scripts/local.ts", *arguments]
    try:
        subprocess.run(list(map(str, command)), cwd=CDK, check=True, stdout=sys.stderr)
    except FileNotFoundError:
        raise Problem("the construct's tools are not installed", f"cd {CDK} && npm ci && npm run templates") from None
    except subprocess.CalledProcessError as error:
        raise Problem(f"the synthesis failed ({error.returncode})", f"cd {CDK} && npm run templates && npm test") from None
    say(f"synthesized in {time.monotonic() - began:.1f} s")
    return folder / "out"


def upload(aws, assembly):
    """Puts every asset where the synthesized templates say that it is."""
    aws.s3.create_bucket(Bucket=BUCKET)
    files = read_json(assembly / "Local.assets.json")["files"].values()
    for file in files:
        for place in file["destinations"].values():
            body = (assembly / file["source"]["path"]).read_bytes()
            aws.s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=body)
    say(f"uploaded {len(files)} assets")


def create(aws, assembly):
    aws.cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=(assembly / "Local.template.json").read_text(),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deploy.wait_for(aws, "CREATE")


def send_order():
    """Follows an order from the CRM to its invoice, and compares every ledger."""
    command = ["cargo", "test", "--package", "crossdock-tests", "--test", "live", "--", "--include-ignored", TEST]
    environment = os.environ | {"CROSSDOCK_LIVE": str(STATE / "live.json")}
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr).returncode:
        raise Problem("the order did not go all the way", f"see {STATE}/emulator.log")


if __name__ == "__main__":
    run(main)
