"""Checks a bill of materials against CycloneDX's JSON schema, which its own library brings: validate_sbom.py FILE."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

path = Path(sys.argv[1])
text = path.read_text(encoding="utf-8")
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if problem:
    sys.exit(f"{path} is not CycloneDX 1.6: {problem}")
print(f"{path} is CycloneDX 1.6, {text.count(chr(34) + 'bom-ref' + chr(34)) - 1} components")
